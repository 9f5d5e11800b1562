"""A month's documents are found by one index, that of their uniqueness, and a draft is no business of the trigger's.

Without statistics, as in a first month, the planner took summarised pages for a way to single tenants.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UPGRADE = (
    "drop index ix_invoices_period",
    "alter table invoices drop constraint uq_invoices_tenant_id_period_kind_revision",
    "alter table invoices add constraint uq_invoices_tenant_id_period_kind_revision "
    "unique (period, tenant_id, kind, revision)",
    "drop trigger issued_document_stays on invoices",
    "create trigger issued_document_stays before update or delete on invoices "
    "for each row when (old.status <> 'draft') execute function issued_document_stays()",
)

DOWNGRADE = (
    "drop trigger issued_document_stays on invoices",
    "create trigger issued_document_stays before update or delete on invoices "
    "for each row execute function issued_document_stays()",
    "alter table invoices drop constraint uq_invoices_tenant_id_period_kind_revision",
    "alter table invoices add constraint uq_invoices_tenant_id_period_kind_revision "
    "unique (tenant_id, period, kind, revision)",
    "create index ix_invoices_period on invoices using brin (period) with (pages_per_range = 16)",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
