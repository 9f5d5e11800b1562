"""When the next request to a provider may leave, agreed on by all workers; and finding a document by the provider's id."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

PROVIDER_PACE = """
    create table provider_pace (
        lane text not null,
        free_at timestamptz not null,
        constraint pk_provider_pace primary key (lane)
    )
"""

# Empty while a month is inserted; a document enters it once it is at the provider.
PROVIDER_INVOICE = """
    create index ix_invoices_provider_invoice_id on invoices (provider_invoice_id) where provider_invoice_id is not null
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on provider_pace to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (PROVIDER_PACE, PROVIDER_INVOICE, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index ix_invoices_provider_invoice_id")
    op.execute("drop table provider_pace")
