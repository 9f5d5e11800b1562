"""How invoices stand at the provider, and every attempt to collect one."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from adapters.postgres.tables.columns import currency, currency_code, metadata, minor, moment, one_of, words
from billing.declines import Advice
from billing.invoices import InvoiceStatus
from billing.payments import Origin, Outcome


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


# A mirror, written from fresh reads only; `invoice_id` is the first revision of a document. `chased_by` is the workflow that
# collects it now.
receivables = Table(
    "receivables",
    metadata,
    Column("invoice_id", ForeignKey("invoices.invoice_id"), primary_key=True),
    words("number"),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False, index=True),
    words("provider_invoice_id"),
    words("status"),
    currency(),
    minor("due_minor"),
    minor("remaining_minor"),
    moment("overdue_since", nullable=True),
    _flag("charged_back"),
    _flag("disputed"),
    _flag("usage_only"),
    _flag("charged_automatically"),
    _flag("too_small"),
    moment("read_at"),
    Column("chased_by", Text),
    Index("ix_receivables_owed", "overdue_since", postgresql_where=text("remaining_minor > 0")),
    one_of("status", InvoiceStatus),
    currency_code(),
    CheckConstraint("remaining_minor >= 0", name="never_negative"),
)

# One attempt at an invoice at a time: the second is barred until the first is known, and whoever is barred looks it up.
payment_attempts = Table(
    "payment_attempts",
    metadata,
    Column("op_key", Text, primary_key=True),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False, index=True),
    words("origin"),
    Column("number", Integer, nullable=False),
    words("case_id"),
    words("requested_by"),
    words("reason"),
    Column("request_key", Text),
    moment("began_at"),
    moment("ended_at", nullable=True),
    Column("outcome", Text),
    minor("amount_minor", nullable=True),
    currency(nullable=True),
    Column("decline_code", Text),
    Column("advice", Text),
    Column("for_a_person", Boolean, nullable=False, server_default=text("false")),
    words("words", server_default=text("''")),
    UniqueConstraint("invoice_id", "origin", "number"),
    Index(
        "uq_payment_attempts_request",
        "invoice_id",
        "request_key",
        unique=True,
        postgresql_where=text("request_key is not null"),
    ),
    Index("uq_payment_attempts_under_way", "invoice_id", unique=True, postgresql_where=text("ended_at is null")),
    one_of("origin", Origin),
    # What is declined before is never begun.
    one_of("outcome", [outcome for outcome in Outcome if outcome is not Outcome.DECLINED_BEFORE]),
    one_of("advice", Advice),
    CheckConstraint("number >= 1", name="number_counts_from_one"),
    CheckConstraint("(amount_minor is null) = (currency is null)", name="amount_has_a_currency"),
    CheckConstraint("(ended_at is null) = (outcome is null or outcome = 'unknown')", name="ended_when_known"),
)
