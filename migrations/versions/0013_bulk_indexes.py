"""Indexes for whole months: what every document of a run pays for at insertion, and what reading a shard needs.

A month's documents lie together, so a few summarised pages find a period as well as an entry for each document did.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UPGRADE = (
    "drop index ix_invoices_run_id, ix_invoices_period",
    "create index ix_invoices_period on invoices using brin (period) with (pages_per_range = 16)",
    "alter table invoices drop constraint uq_invoices_corrects",
    "create unique index uq_invoices_corrects on invoices (corrects) where corrects is not null",
    "create index ix_invoice_lines_fee_in_advance on invoice_lines (invoice_id) where kind = 'fee_in_advance'",
    "create index ix_disputes_invoice_id on disputes (invoice_id)",
)

DOWNGRADE = (
    "drop index ix_disputes_invoice_id, ix_invoice_lines_fee_in_advance, uq_invoices_corrects, ix_invoices_period",
    "alter table invoices add constraint uq_invoices_corrects unique (corrects)",
    "create index ix_invoices_period on invoices (period, tenant_id)",
    "create index ix_invoices_run_id on invoices (run_id)",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
