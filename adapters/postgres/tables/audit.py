"""Printed documents by their hash, what the provider holds of a period, and every difference a reconciliation found."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)

from adapters.postgres.tables.columns import (
    Json,
    billing_month,
    currency,
    metadata,
    minor,
    moment,
    one_of,
    sha256,
    words,
)
from billing.documents import DocumentKind
from billing.reconciliation import Difference

# Printing the same document again gives the same bytes, so the hash is all that has to be kept for good.
invoice_documents = Table(
    "invoice_documents",
    metadata,
    Column("number", Text, primary_key=True),
    words("kind"),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    sha256("sha256"),
    Column("bytes", Integer, nullable=False),
    moment("printed_at", server_default=func.now()),
    # billing.printing.Edition
    Column("edition", Json, nullable=False),
    one_of("kind", DocumentKind),
    CheckConstraint("bytes > 0", name="not_empty"),
)

# `cursor` and `read`: how far the provider's list has been read, so that a reading goes on where it stood.
reconciliations = Table(
    "reconciliations",
    metadata,
    Column("reconciliation_id", Text, primary_key=True),
    words("period"),
    words("requested_by"),
    Column("idempotency_key", Text, unique=True),
    sha256("request_sha256", nullable=True),
    Column("cursor", Text),
    Column("read", BigInteger, nullable=False, server_default=text("0")),
    moment("started_at"),
    moment("ended_at", nullable=True),
    Column("report", Json),
    billing_month("period"),
    CheckConstraint("(ended_at is null) = (report is null)", name="ended_with_a_report"),
)

# The provider's invoices as one reconciliation read them. `credited_minor` is the sum of its credit notes.
provider_invoices = Table(
    "provider_invoices",
    metadata,
    Column("reconciliation_id", ForeignKey("reconciliations.reconciliation_id"), nullable=False),
    words("provider_invoice_id"),
    Column("provider_customer_id", Text),
    Column("op_key", Text),
    Column("number", Text),
    words("status"),
    currency(),
    minor("total_minor"),
    minor("due_minor"),
    minor("credited_minor", server_default=text("0")),
    moment("created_at"),
    PrimaryKeyConstraint("reconciliation_id", "provider_invoice_id"),
)

billing_audit = Table(
    "billing_audit",
    metadata,
    Column("audit_id", BigInteger, Identity(always=True), primary_key=True),
    Column("reconciliation_id", ForeignKey("reconciliations.reconciliation_id"), nullable=False),
    words("period"),
    words("difference"),
    Column("tenant_id", Text, index=True),
    Column("invoice_id", Text),
    Column("provider_invoice_id", Text),
    currency(nullable=True),
    minor("internal_minor", nullable=True),
    minor("provider_minor", nullable=True),
    minor("tolerance_minor", nullable=True),
    Column("within_tolerance", Boolean, nullable=False),
    words("detail"),
    words("repair"),
    moment("found_at", server_default=func.now()),
    Index(
        "ix_billing_audit_once",
        "reconciliation_id",
        "difference",
        text("coalesce(invoice_id, '')"),
        text("coalesce(provider_invoice_id, '')"),
        unique=True,
    ),
    one_of("difference", Difference),
)
