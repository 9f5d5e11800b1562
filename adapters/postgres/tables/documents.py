"""Issued documents and money given back: invoices with their revisions, credits, credit notes, corrections on record."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from adapters.postgres.tables.columns import (
    Quantity,
    billing_month,
    currency,
    currency_code,
    metadata,
    minor,
    moment,
    one_of,
    words,
)
from billing.corrections import Destination
from billing.disputes import Category
from billing.invoices import InvoiceStatus, LineKind


class InvoiceKind(StrEnum):
    """What an invoice bills; disputes are about usage invoices."""

    USAGE = "usage"


# A trigger keeps an issued document as it is: only its status, provider id and dispute note may change. One that is declared
# void leaves its place with a revision below one, and its tenant's period can be billed again.
invoices = Table(
    "invoices",
    metadata,
    Column("invoice_id", Text, primary_key=True),
    Column("number", Text, unique=True),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    words("period"),
    words("kind", server_default=text("'usage'")),
    words("status"),
    currency(),
    minor("total_minor"),
    moment("issued_at", nullable=True),
    Column("corrects", ForeignKey("invoices.invoice_id")),
    Column("provider_invoice_id", Text),
    Column("dispute_note", Text),
    Column("run_id", ForeignKey("billing_runs.run_id")),
    Column("legal_entity_id", ForeignKey("legal_entities.entity_id")),
    Column("service_start", Date),
    Column("service_end", Date),
    Column("billed_by", ForeignKey("parties.party_id")),
    Column("billed_to", ForeignKey("parties.party_id")),
    minor("applied_credit_minor", server_default=text("0")),
    Column("void_reason", Text),
    # By period first: a month's documents are written and read in the order of their tenants.
    UniqueConstraint("period", "tenant_id", "kind", "revision", name="uq_invoices_tenant_id_period_kind_revision"),
    # A document is corrected once, by the next revision; the revisions form one chain.
    Index("uq_invoices_corrects", "corrects", unique=True, postgresql_where=text("corrects is not null")),
    # Empty while a month is made; reconciliation asks whose an invoice at the provider is.
    Index(
        "ix_invoices_provider_invoice_id",
        "provider_invoice_id",
        postgresql_where=text("provider_invoice_id is not null"),
    ),
    one_of("status", InvoiceStatus),
    one_of("kind", InvoiceKind),
    currency_code(),
    billing_month("period"),
    Index("ix_invoices_void", "period", "tenant_id", postgresql_where=text("status = 'void'")),
    CheckConstraint("revision >= 1 or status = 'void'", name="revision_counts_from_one"),
    CheckConstraint("(revision <= 1) = (corrects is null)", name="later_revisions_correct"),
    CheckConstraint("status = 'draft' or issued_at is not null", name="issued_has_a_date"),
    CheckConstraint("status = 'draft' or number is not null", name="issued_has_a_number"),
    CheckConstraint("service_end > service_start", name="service_ends_after_start"),
    CheckConstraint(
        "applied_credit_minor >= 0 and (applied_credit_minor = 0 or applied_credit_minor <= total_minor)",
        name="applied_credit_fits",
    ),
)

invoice_lines = Table(
    "invoice_lines",
    metadata,
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False),
    Column("number", Integer, nullable=False),
    words("description"),
    Column("meter", Text),
    Column("quantity", Quantity, nullable=False),
    minor("amount_minor"),
    words("kind", server_default=text("'usage'")),
    # Into the append-only `prices`; a foreign key there would be checked for every line of a month end.
    Column("price_id", BigInteger),
    Column("service_start", Date),
    Column("service_end", Date),
    Column("active_days", SmallInteger),
    Column("period_days", SmallInteger),
    Column("rate", Numeric(9, 6)),
    PrimaryKeyConstraint("invoice_id", "number"),
    Index("ix_invoice_lines_fee_in_advance", "invoice_id", postgresql_where=text("kind = 'fee_in_advance'")),
    one_of("kind", LineKind),
    CheckConstraint("kind <> 'late_usage' or meter is not null", name="usage_names_its_meter"),
)

# Credits to the next invoice, taken off what is due when that invoice is finalised; its total stays. Once the invoice is
# void its credits are handed back: they wait for the next one again.
credit_applications = Table(
    "credit_applications",
    metadata,
    Column("credit_id", ForeignKey("credits.credit_id"), nullable=False),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    minor("amount_minor"),
    moment("applied_at", server_default=func.now()),
    moment("handed_back_at", nullable=True),
    PrimaryKeyConstraint("credit_id", "invoice_id"),
    CheckConstraint("amount_minor > 0", name="gives_something_back"),
)

# The row of D7: `reference_id` is the ticket, `created_by` who resolved it.
credits = Table(
    "credits",
    metadata,
    Column("credit_id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    minor("amount_minor"),
    currency(),
    words("reason"),
    words("reference_id"),
    words("step"),
    words("created_by"),
    moment("created_at", server_default=func.now()),
    # Of a dispute or of an invoice correction.
    words("case_id"),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    words("destination"),
    Column("goodwill", Boolean, nullable=False),
    Column("op_key", ForeignKey("effects.op_key"), nullable=False, unique=True),
    words("provider_id"),
    # What of it the next invoice takes off; not known of credit notes before this column.
    minor("balance_minor", nullable=True),
    UniqueConstraint("reference_id", "step"),
    Index("ix_credits_tenant", "tenant_id", "created_at"),
    one_of("destination", Destination),
    currency_code(),
    CheckConstraint("amount_minor > 0", name="gives_something_back"),
    CheckConstraint("balance_minor between 0 and amount_minor", name="balance_is_a_part"),
)

credit_notes = Table(
    "credit_notes",
    metadata,
    Column("number", Text, primary_key=True),
    Column("credit_id", ForeignKey("credits.credit_id"), nullable=False, unique=True),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    Column("corrected_invoice_id", ForeignKey("invoices.invoice_id"), nullable=False, unique=True),
    minor("amount_minor"),
    currency(),
    moment("issued_at"),
    words("provider_id"),
    currency_code(),
    CheckConstraint("amount_minor > 0", name="gives_something_back"),
)

# Gapless numbers: the row is locked until its document is committed, so an aborted document gives its number back.
number_series = Table(
    "number_series",
    metadata,
    Column("series", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
    CheckConstraint("last >= 0", name="last_not_negative"),
)

# The rectifying runbook's record of each correction (C7); `credit_amount` in minor units of `currency`.
billing_corrections = Table(
    "billing_corrections",
    metadata,
    Column("customer_id", ForeignKey("tenants.tenant_id"), nullable=False, index=True),
    words("ticket_id"),
    Column("round", Integer, nullable=False),
    words("issue_type"),
    minor("credit_amount"),
    currency(),
    words("resolved_by"),
    moment("resolved_at"),
    words("notes"),
    PrimaryKeyConstraint("ticket_id", "round"),
    one_of("issue_type", Category),
    currency_code(),
    CheckConstraint("credit_amount >= 0", name="credit_not_negative"),
)
