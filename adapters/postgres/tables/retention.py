"""Retention: who waits for deletion, what may not be deleted, and every plan with how far it was carried out (P9)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, Table, text

from adapters.postgres.tables.columns import metadata, moment, words

# Whom recovery gave up, by the case that did. `since` is when the time of retention was over; a tenant waits once at a
# time, is spared when it pays after all, and is `begun_at` from the first batch on, when there is no way back.
deletion_candidates = Table(
    "deletion_candidates",
    metadata,
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    words("case_id"),
    moment("since"),
    moment("spared_at", nullable=True),
    moment("begun_at", nullable=True),
    moment("deleted_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "case_id"),
    Index(
        "ix_deletion_candidates_waiting",
        "tenant_id",
        unique=True,
        postgresql_where=text("spared_at is null and deleted_at is null"),
    ),
    CheckConstraint("spared_at is null or begun_at is null", name="spared_before_it_began"),
    CheckConstraint("deleted_at is null or begun_at is not null", name="deleted_after_it_began"),
)
