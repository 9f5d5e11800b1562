"""Money given back, its documents, and the record of each correction."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CREDITS = r"""
    create table credits (
        credit_id text not null,
        tenant_id text not null,
        amount_minor bigint not null,
        currency char(3) not null,
        reason text not null,
        reference_id text not null,
        step text not null,
        created_by text not null,
        created_at timestamptz default now() not null,
        case_id text not null,
        invoice_id text not null,
        destination text not null,
        goodwill boolean not null,
        op_key text not null,
        provider_id text not null,
        constraint pk_credits primary key (credit_id),
        constraint uq_credits_reference_id_step unique (reference_id, step),
        constraint ck_credits_destination_known check (destination in ('credit_note', 'next_invoice')),
        constraint ck_credits_currency_code check (currency ~ '^[A-Z]{3}$'),
        constraint ck_credits_gives_something_back check (amount_minor > 0),
        constraint fk_credits_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint fk_credits_case_id foreign key (case_id) references disputes (case_id),
        constraint fk_credits_invoice_id foreign key (invoice_id) references invoices (invoice_id),
        constraint uq_credits_op_key unique (op_key),
        constraint fk_credits_op_key foreign key (op_key) references effects (op_key)
    );
    create index ix_credits_invoice_id on credits (invoice_id);
    create index ix_credits_tenant on credits (tenant_id, created_at)
"""

CREDIT_NOTES = r"""
    create table credit_notes (
        number text not null,
        credit_id text not null,
        invoice_id text not null,
        corrected_invoice_id text not null,
        amount_minor bigint not null,
        currency char(3) not null,
        issued_at timestamptz not null,
        provider_id text not null,
        constraint pk_credit_notes primary key (number),
        constraint ck_credit_notes_currency_code check (currency ~ '^[A-Z]{3}$'),
        constraint ck_credit_notes_gives_something_back check (amount_minor > 0),
        constraint uq_credit_notes_credit_id unique (credit_id),
        constraint fk_credit_notes_credit_id foreign key (credit_id) references credits (credit_id),
        constraint fk_credit_notes_invoice_id foreign key (invoice_id) references invoices (invoice_id),
        constraint uq_credit_notes_corrected_invoice_id unique (corrected_invoice_id),
        constraint fk_credit_notes_corrected_invoice_id foreign key (corrected_invoice_id) references invoices (invoice_id)
    );
    create index ix_credit_notes_invoice_id on credit_notes (invoice_id)
"""

BILLING_CORRECTIONS = r"""
    create table billing_corrections (
        customer_id text not null,
        ticket_id text not null,
        round integer not null,
        issue_type text not null,
        credit_amount bigint not null,
        currency char(3) not null,
        resolved_by text not null,
        resolved_at timestamptz not null,
        notes text not null,
        constraint pk_billing_corrections primary key (ticket_id, round),
        constraint ck_billing_corrections_issue_type_known check (
            issue_type in ('usage_calculation', 'unauthorized_usage', 'service_quality', 'pricing')
        ),
        constraint ck_billing_corrections_currency_code check (currency ~ '^[A-Z]{3}$'),
        constraint ck_billing_corrections_credit_not_negative check (credit_amount >= 0),
        constraint fk_billing_corrections_customer_id foreign key (customer_id) references tenants (tenant_id)
    );
    create index ix_billing_corrections_customer_id on billing_corrections (customer_id)
"""


def upgrade() -> None:
    for statement in (CREDITS, CREDIT_NOTES, BILLING_CORRECTIONS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("billing_corrections", "credit_notes", "credits"):
        op.execute(f"drop table {table}")
