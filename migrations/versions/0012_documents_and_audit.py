"""Printed documents by their hash, what the provider holds, and every difference a reconciliation found."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INVOICE_DOCUMENTS = r"""
    create table invoice_documents (
        number text not null,
        kind text not null,
        invoice_id text not null,
        sha256 char(64) not null,
        bytes integer not null,
        printed_at timestamptz default now() not null,
        constraint pk_invoice_documents primary key (number),
        constraint fk_invoice_documents_invoice_id foreign key (invoice_id) references invoices (invoice_id),
        constraint ck_invoice_documents_kind_known check (kind in ('invoice', 'corrected_invoice', 'credit_note')),
        constraint ck_invoice_documents_not_empty check (bytes > 0)
    );
    create index ix_invoice_documents_invoice_id on invoice_documents (invoice_id)
"""

RECONCILIATIONS = r"""
    create table reconciliations (
        reconciliation_id text not null,
        period text not null,
        requested_by text not null,
        idempotency_key text,
        request_sha256 char(64),
        cursor text,
        read bigint default 0 not null,
        started_at timestamptz not null,
        ended_at timestamptz,
        report jsonb,
        constraint pk_reconciliations primary key (reconciliation_id),
        constraint uq_reconciliations_idempotency_key unique (idempotency_key),
        constraint ck_reconciliations_period_is_a_month check (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
        constraint ck_reconciliations_ended_with_a_report check ((ended_at is null) = (report is null))
    )
"""

PROVIDER_INVOICES = r"""
    create table provider_invoices (
        reconciliation_id text not null,
        provider_invoice_id text not null,
        provider_customer_id text,
        op_key text,
        number text,
        status text not null,
        currency char(3) not null,
        total_minor bigint not null,
        due_minor bigint not null,
        credited_minor bigint default 0 not null,
        created_at timestamptz not null,
        constraint pk_provider_invoices primary key (reconciliation_id, provider_invoice_id),
        constraint fk_provider_invoices_reconciliation_id foreign key (reconciliation_id)
            references reconciliations (reconciliation_id)
    )
"""

BILLING_AUDIT = r"""
    create table billing_audit (
        audit_id bigint generated always as identity,
        reconciliation_id text not null,
        period text not null,
        difference text not null,
        tenant_id text,
        invoice_id text,
        provider_invoice_id text,
        currency char(3),
        internal_minor bigint,
        provider_minor bigint,
        tolerance_minor bigint,
        within_tolerance boolean not null,
        detail text not null,
        repair text not null,
        found_at timestamptz default now() not null,
        constraint pk_billing_audit primary key (audit_id),
        constraint fk_billing_audit_reconciliation_id foreign key (reconciliation_id)
            references reconciliations (reconciliation_id),
        constraint ck_billing_audit_difference_known check (
            difference in ('missing_at_provider', 'missing_in_books', 'status', 'amount', 'currency', 'duplicate')
        )
    );
    create unique index ix_billing_audit_once on billing_audit (
        reconciliation_id, difference, coalesce(invoice_id, ''), coalesce(provider_invoice_id, '')
    );
    create index ix_billing_audit_tenant_id on billing_audit (tenant_id)
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert on invoice_documents, billing_audit to runbooks_app;
            grant select, insert, update on reconciliations to runbooks_app;
            grant select, insert, update, delete on provider_invoices to runbooks_app;
            grant usage on all sequences in schema public to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (INVOICE_DOCUMENTS, RECONCILIATIONS, PROVIDER_INVOICES, BILLING_AUDIT, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("billing_audit", "provider_invoices", "reconciliations", "invoice_documents"):
        op.execute(f"drop table {table}")
