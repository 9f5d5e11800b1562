"""Who changed a customer or a contract, and why."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ACCOUNT_CHANGES = """
    create table account_changes (
        change_id bigint generated always as identity,
        at timestamptz not null,
        by text not null,
        tenant_id text not null,
        subject text not null,
        name text not null,
        reason text not null,
        before jsonb,
        after jsonb not null,
        constraint pk_account_changes primary key (change_id),
        constraint fk_account_changes_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_account_changes_subject_known check (subject in ('customer', 'contract'))
    );
    create index ix_account_changes_tenant_id on account_changes (tenant_id, change_id)
"""

# Only ever added.
GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert on account_changes to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    op.execute(ACCOUNT_CHANGES)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("drop table account_changes")
