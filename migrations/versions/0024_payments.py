"""How invoices stand at the provider, and every attempt to collect one."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

RECEIVABLES = r"""
    create table receivables (
        invoice_id text not null,
        number text not null,
        tenant_id text not null,
        provider_invoice_id text not null,
        status text not null,
        currency char(3) not null,
        due_minor bigint not null,
        remaining_minor bigint not null,
        overdue_since timestamptz,
        charged_back boolean not null,
        disputed boolean not null,
        usage_only boolean not null,
        charged_automatically boolean not null,
        too_small boolean not null,
        read_at timestamptz not null,
        chased_by text,
        constraint pk_receivables primary key (invoice_id),
        constraint fk_receivables_invoice_id foreign key (invoice_id) references invoices (invoice_id),
        constraint fk_receivables_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_receivables_status_known check (status in ('draft', 'open', 'paid', 'void', 'uncollectible')),
        constraint ck_receivables_currency_code check (currency ~ '^[A-Z]{3}$'),
        constraint ck_receivables_never_negative check (remaining_minor >= 0)
    );
    create index ix_receivables_tenant_id on receivables (tenant_id);
    create index ix_receivables_owed on receivables (overdue_since) where remaining_minor > 0
"""

# One attempt at an invoice at a time: the second is barred until the first is known, and whoever is barred looks it up.
ATTEMPTS = r"""
    create table payment_attempts (
        op_key text not null,
        invoice_id text not null,
        tenant_id text not null,
        origin text not null,
        number integer not null,
        case_id text not null,
        requested_by text not null,
        reason text not null,
        request_key text,
        began_at timestamptz not null,
        ended_at timestamptz,
        outcome text,
        amount_minor bigint,
        currency char(3),
        decline_code text,
        advice text,
        for_a_person boolean default false not null,
        words text default '' not null,
        constraint pk_payment_attempts primary key (op_key),
        constraint uq_payment_attempts_invoice_id_origin_number unique (invoice_id, origin, number),
        constraint fk_payment_attempts_invoice_id foreign key (invoice_id) references invoices (invoice_id),
        constraint fk_payment_attempts_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_payment_attempts_origin_known check (origin in ('scheduled', 'manual', 'card_update')),
        constraint ck_payment_attempts_outcome_known check (
            outcome in ('paid', 'partly_paid', 'declined', 'nothing_due', 'below_minimum', 'unknown', 'held')
        ),
        constraint ck_payment_attempts_advice_known check (advice in ('retry', 'ask_for_new_method', 'stop')),
        constraint ck_payment_attempts_number_counts_from_one check (number >= 1),
        constraint ck_payment_attempts_amount_has_a_currency check ((amount_minor is null) = (currency is null)),
        constraint ck_payment_attempts_ended_when_known check (
            (ended_at is null) = (outcome is null or outcome = 'unknown')
        )
    );
    create unique index uq_payment_attempts_request on payment_attempts (invoice_id, request_key)
        where request_key is not null;
    create unique index uq_payment_attempts_under_way on payment_attempts (invoice_id) where ended_at is null;
    create index ix_payment_attempts_tenant_id on payment_attempts (tenant_id)
"""

KINDS = """
    alter table effects
        drop constraint ck_effects_kind_known,
        add constraint ck_effects_kind_known check (
            kind in ('credit', 'letter', 'invoice', 'invoice_run', 'invoice_correction', 'payment', 'arrangement')
        )
"""

# What was charged stays on record.
KINDS_BEFORE = """
    alter table effects
        drop constraint ck_effects_kind_known,
        add constraint ck_effects_kind_known check (
            kind in ('credit', 'letter', 'invoice', 'invoice_run', 'invoice_correction')
        ) not valid
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on receivables, payment_attempts to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (RECEIVABLES, ATTEMPTS, KINDS, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute(KINDS_BEFORE)
    op.execute("drop table payment_attempts")
    op.execute("drop table receivables")
