"""The register of invoice corrections: one row a case, as it was ordered and how it ended."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from adapters.postgres.tables.columns import Json, metadata, moment, one_of, sha256, words
from billing.invoice_corrections import Ending

# `request` is billing.invoice_corrections.CorrectionOrder, `story` its CorrectionStory as it was told at the end. An order
# that names an unknown invoice is registered too, without one, and closed as not accepted.
invoice_corrections = Table(
    "invoice_corrections",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("idempotency_key", Text, unique=True),
    Column("request", Json, nullable=False),
    sha256("request_sha256"),
    words("requested_by"),
    Column("invoice_id", ForeignKey("invoices.invoice_id"), index=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id")),
    moment("opened_at"),
    Column("ending", Text),
    Column("resolved_by", Text),
    Column("story", Json),
    moment("closed_at", nullable=True),
    Index("ix_invoice_corrections_opened_at", "opened_at"),
    one_of("ending", Ending),
    CheckConstraint(
        "(ending is null) = (closed_at is null) and (ending is null) = (story is null) "
        "and (ending is null) = (resolved_by is null)",
        name="closed_with_its_story",
    ),
)
