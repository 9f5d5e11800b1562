"""Corrections of issued invoices outside disputes: their register, credits of any case, and credits handed back by a void."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INVOICE_CORRECTIONS = r"""
    create table invoice_corrections (
        case_id text not null,
        idempotency_key text,
        request jsonb not null,
        request_sha256 char(64) not null,
        requested_by text not null,
        invoice_id text,
        tenant_id text,
        opened_at timestamptz not null,
        ending text,
        resolved_by text,
        story jsonb,
        closed_at timestamptz,
        constraint pk_invoice_corrections primary key (case_id),
        constraint uq_invoice_corrections_idempotency_key unique (idempotency_key),
        constraint fk_invoice_corrections_invoice_id foreign key (invoice_id) references invoices (invoice_id),
        constraint fk_invoice_corrections_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_invoice_corrections_ending_known check (
            ending in (
                'credited', 'voided', 'written off', 'not accepted', 'rejected', 'nobody decided in time', 'withdrawn'
            )
        ),
        constraint ck_invoice_corrections_closed_with_its_story check (
            (ending is null) = (closed_at is null) and (ending is null) = (story is null)
            and (ending is null) = (resolved_by is null)
        )
    );
    create index ix_invoice_corrections_invoice_id on invoice_corrections (invoice_id);
    create index ix_invoice_corrections_opened_at on invoice_corrections (opened_at)
"""

# A credit belongs to any case; which one stands in its name.
CREDITS = "alter table credits drop constraint fk_credits_case_id"

WITHOUT_CORRECTIONS = (
    "delete from credit_notes note using credits where note.credit_id = credits.credit_id and case_id like 'correction/%'",
    "delete from credit_applications applied using credits "
    "where applied.credit_id = credits.credit_id and case_id like 'correction/%'",
    "delete from credits where case_id like 'correction/%'",
)

HANDED_BACK = "alter table credit_applications add column handed_back_at timestamptz"

CHANGES = "create index ix_effects_corrections on effects (tenant_id) where kind = 'invoice_correction'"

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on invoice_corrections to runbooks_app;
            grant update (handed_back_at) on credit_applications to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (INVOICE_CORRECTIONS, CREDITS, HANDED_BACK, CHANGES, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index ix_effects_corrections")
    op.execute("alter table credit_applications drop column handed_back_at")
    for statement in WITHOUT_CORRECTIONS:
        op.execute(statement)
    op.execute(
        "alter table credits add constraint fk_credits_case_id foreign key (case_id) references disputes (case_id)"
    )
    op.execute("drop table invoice_corrections")
