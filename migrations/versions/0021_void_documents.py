"""A void document leaves its place: its revision goes below one, and the period of its tenant can be billed again.

Everything else of an issued document stays as it was; only the step to void may take the revision along.
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

ISSUED_STAYS = r"""
    create or replace function issued_document_stays() returns trigger language plpgsql as $$
    begin
        if old.status <> 'draft' and (tg_op = 'DELETE' or
            (new.invoice_id, new.number, new.tenant_id, new.period, new.kind, new.currency, new.total_minor, new.issued_at,
             new.corrects)
            is distinct from
            (old.invoice_id, old.number, old.tenant_id, old.period, old.kind, old.currency, old.total_minor, old.issued_at,
             old.corrects) or new.status = 'draft'
            or (new.revision <> old.revision and (new.status <> 'void' or old.status = 'void' or new.revision > 0)))
        then
            raise exception 'invoice % is issued and stays as it is: correct it by a new revision', old.number
                using errcode = 'integrity_constraint_violation';
        end if;
        return case tg_op when 'DELETE' then old else new end;
    end $$
"""

STAYED = r"""
    create or replace function issued_document_stays() returns trigger language plpgsql as $$
    begin
        if old.status <> 'draft' and (tg_op = 'DELETE' or
            (new.invoice_id, new.number, new.revision, new.tenant_id, new.period, new.kind, new.currency,
             new.total_minor, new.issued_at, new.corrects)
            is distinct from
            (old.invoice_id, old.number, old.revision, old.tenant_id, old.period, old.kind, old.currency,
             old.total_minor, old.issued_at, old.corrects) or new.status = 'draft')
        then
            raise exception 'invoice % is issued and stays as it is: correct it by a new revision', old.number
                using errcode = 'integrity_constraint_violation';
        end if;
        return case tg_op when 'DELETE' then old else new end;
    end $$
"""

# Few, and asked for with every shard of a month end.
VOID = "create index ix_invoices_void on invoices (period, tenant_id) where status = 'void'"


def upgrade() -> None:
    op.execute("alter table invoices drop constraint ck_invoices_revision_counts_from_one")
    op.execute("alter table invoices drop constraint ck_invoices_later_revisions_correct")
    op.execute(
        "alter table invoices add constraint ck_invoices_revision_counts_from_one check (revision >= 1 or status = 'void')"
    )
    op.execute(
        "alter table invoices add constraint ck_invoices_later_revisions_correct check ((revision <= 1) = (corrects is null))"
    )
    op.execute(ISSUED_STAYS)
    op.execute(VOID)


def downgrade() -> None:
    """Documents that are void already keep the place they have."""
    op.execute("drop index ix_invoices_void")
    op.execute(STAYED)
    op.execute("alter table invoices drop constraint ck_invoices_later_revisions_correct")
    op.execute("alter table invoices drop constraint ck_invoices_revision_counts_from_one")
    op.execute(
        "alter table invoices add constraint ck_invoices_revision_counts_from_one check (revision >= 1) not valid"
    )
    op.execute(
        "alter table invoices add constraint ck_invoices_later_revisions_correct "
        "check ((revision = 1) = (corrects is null)) not valid"
    )
