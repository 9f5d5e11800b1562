"""What may be deleted for good: candidates, confirmed plans, certificates."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CANDIDATES = r"""
    create table deletion_candidates (
        tenant_id text not null,
        case_id text not null,
        since timestamptz not null,
        spared_at timestamptz,
        begun_at timestamptz,
        deleted_at timestamptz,
        constraint pk_deletion_candidates primary key (tenant_id, case_id),
        constraint fk_deletion_candidates_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_deletion_candidates_spared_before_it_began check (spared_at is null or begun_at is null),
        constraint ck_deletion_candidates_deleted_after_it_began check (deleted_at is null or begun_at is not null)
    );
    create unique index ix_deletion_candidates_waiting on deletion_candidates (tenant_id)
        where spared_at is null and deleted_at is null
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on deletion_candidates to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (CANDIDATES, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table deletion_candidates")
