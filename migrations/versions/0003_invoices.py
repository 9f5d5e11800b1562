"""Issued documents, which stay as they were issued."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INVOICES = r"""
    create table invoices (
        invoice_id text not null,
        number text not null,
        revision integer default 1 not null,
        tenant_id text not null,
        period text not null,
        kind text default 'usage' not null,
        status text not null,
        currency char(3) not null,
        total_minor bigint not null,
        issued_at timestamptz,
        corrects text,
        provider_invoice_id text,
        dispute_note text,
        constraint pk_invoices primary key (invoice_id),
        constraint uq_invoices_tenant_id_period_kind_revision unique (tenant_id, period, kind, revision),
        constraint ck_invoices_status_known check (status in ('draft', 'open', 'paid', 'void', 'uncollectible')),
        constraint ck_invoices_kind_known check (kind in ('usage')),
        constraint ck_invoices_currency_code check (currency ~ '^[A-Z]{3}$'),
        constraint ck_invoices_period_is_a_month check (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
        constraint ck_invoices_revision_counts_from_one check (revision >= 1),
        constraint ck_invoices_later_revisions_correct check ((revision = 1) = (corrects is null)),
        constraint ck_invoices_issued_has_a_date check (status = 'draft' or issued_at is not null),
        constraint uq_invoices_number unique (number),
        constraint fk_invoices_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint uq_invoices_corrects unique (corrects),
        constraint fk_invoices_corrects foreign key (corrects) references invoices (invoice_id)
    )
"""

INVOICE_LINES = r"""
    create table invoice_lines (
        invoice_id text not null,
        number integer not null,
        description text not null,
        meter text,
        quantity numeric(24, 6) not null,
        amount_minor bigint not null,
        applied_price jsonb,
        constraint pk_invoice_lines primary key (invoice_id, number),
        constraint fk_invoice_lines_invoice_id foreign key (invoice_id) references invoices (invoice_id)
    )
"""

NUMBER_SERIES = r"""
    create table number_series (
        series text not null,
        last bigint not null,
        constraint pk_number_series primary key (series),
        constraint ck_number_series_last_not_negative check (last >= 0)
    )
"""

# What was sent to a customer is corrected by a new document, never by editing the old one (D8).
ISSUED_STAYS = r"""
    create function issued_document_stays() returns trigger language plpgsql as $$
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
    end $$;
    create trigger issued_document_stays before update or delete on invoices
        for each row execute function issued_document_stays();
    create function issued_lines_stay() returns trigger language plpgsql as $$
    begin
        if exists (select from invoices where invoice_id = old.invoice_id and status <> 'draft') then
            raise exception 'invoice % is issued and its lines stay as they are: correct it by a new revision',
                old.invoice_id using errcode = 'integrity_constraint_violation';
        end if;
        return case tg_op when 'DELETE' then old else new end;
    end $$;
    create trigger issued_lines_stay before update or delete on invoice_lines
        for each row execute function issued_lines_stay()
"""

DROP_ISSUED_STAYS = "drop function issued_document_stays, issued_lines_stay"


def upgrade() -> None:
    for statement in (INVOICES, INVOICE_LINES, NUMBER_SERIES, ISSUED_STAYS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("number_series", "invoice_lines", "invoices"):
        op.execute(f"drop table {table}")
    op.execute(DROP_ISSUED_STAYS)
