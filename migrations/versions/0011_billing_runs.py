"""Month ends: the runs with an entry for every tenant, drafts beside issued documents, and lines that say how they came."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BILLING_RUNS = r"""
    create table billing_runs (
        run_id text not null,
        period text not null,
        sequence integer not null,
        dry_run boolean not null,
        only_parked boolean not null,
        state text not null,
        policy jsonb not null,
        requested_by text not null,
        workflow_run_id text not null,
        cutoff timestamptz,
        started_at timestamptz not null,
        ended_at timestamptz,
        report jsonb,
        constraint pk_billing_runs primary key (run_id),
        constraint uq_billing_runs_period_sequence unique (period, sequence),
        constraint uq_billing_runs_workflow_run_id unique (workflow_run_id),
        constraint ck_billing_runs_period_is_a_month check (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
        constraint ck_billing_runs_state_known check (state in ('working', 'closed', 'abandoned')),
        constraint ck_billing_runs_ended_when_over check ((state = 'working') = (ended_at is null)),
        constraint ck_billing_runs_sequence_counts_from_one check (sequence >= 1)
    );
    create unique index ix_billing_runs_working on billing_runs (period) where state = 'working' and not dry_run
"""

RUN_ENTRIES = r"""
    create table run_entries (
        run_id text not null,
        tenant_id text not null,
        outcome text not null,
        reason text,
        currency char(3),
        total_minor bigint,
        lines integer,
        invoice_id text,
        digest char(64),
        constraint pk_run_entries primary key (run_id, tenant_id),
        constraint ck_run_entries_outcome_known check (
            outcome in ('rated', 'parked', 'held', 'already_invoiced', 'nothing_to_bill')
        ),
        constraint ck_run_entries_rated_has_an_amount check (
            outcome <> 'rated' or (currency is not null and total_minor is not null and lines is not null)
        ),
        constraint ck_run_entries_stopped_for_a_reason check (outcome not in ('parked', 'held') or reason is not null)
    )
"""

RUN_FLAGS = r"""
    create table run_flags (
        run_id text not null,
        tenant_id text not null,
        bound text not null,
        detail text not null,
        constraint pk_run_flags primary key (run_id, tenant_id, bound),
        constraint fk_run_flags_run_id foreign key (run_id) references billing_runs (run_id)
    );
    create table run_parkings (
        run_id text not null,
        tenant_id text not null,
        reason text not null,
        parked_by text not null,
        parked_at timestamptz default now() not null,
        constraint pk_run_parkings primary key (run_id, tenant_id),
        constraint fk_run_parkings_run_id foreign key (run_id) references billing_runs (run_id)
    )
"""

INVOICES = r"""
    alter table invoices
        alter column number drop not null,
        add column run_id text,
        add column legal_entity_id text,
        add column service_start date,
        add column service_end date,
        add column billed_by bigint,
        add column billed_to bigint,
        add column applied_credit_minor bigint default 0 not null,
        add column void_reason text,
        add constraint fk_invoices_run_id foreign key (run_id) references billing_runs (run_id),
        add constraint fk_invoices_legal_entity_id foreign key (legal_entity_id) references legal_entities (entity_id),
        add constraint fk_invoices_billed_by foreign key (billed_by) references parties (party_id),
        add constraint fk_invoices_billed_to foreign key (billed_to) references parties (party_id),
        add constraint ck_invoices_issued_has_a_number check (status = 'draft' or number is not null),
        add constraint ck_invoices_service_ends_after_start check (service_end > service_start),
        add constraint ck_invoices_applied_credit_fits check (
            applied_credit_minor >= 0 and (applied_credit_minor = 0 or applied_credit_minor <= total_minor)
        );
    create index ix_invoices_period on invoices (period, tenant_id);
    create index ix_invoices_run_id on invoices (run_id)
"""

# A line points at its price in an append-only dictionary; a foreign key there would be checked for every line of a run.
INVOICE_LINES = r"""
    alter table invoice_lines
        add column kind text default 'usage' not null,
        add column price_id bigint,
        add column service_start date,
        add column service_end date,
        add column active_days smallint,
        add column period_days smallint,
        add column rate numeric(9, 6),
        add constraint ck_invoice_lines_kind_known check (
            kind in (
                'fee', 'fee_in_advance', 'usage', 'late_usage', 'minimum', 'adjustment', 'discount', 'fixed_discount', 'tax'
            )
        ),
        add constraint ck_invoice_lines_usage_names_its_meter check (kind <> 'late_usage' or meter is not null);
    update invoice_lines set kind = 'fee' where meter is null
"""

CREDIT_APPLICATIONS = r"""
    create table credit_applications (
        credit_id text not null,
        invoice_id text not null,
        amount_minor bigint not null,
        applied_at timestamptz default now() not null,
        constraint pk_credit_applications primary key (credit_id, invoice_id),
        constraint fk_credit_applications_credit_id foreign key (credit_id) references credits (credit_id),
        constraint fk_credit_applications_invoice_id foreign key (invoice_id) references invoices (invoice_id),
        constraint ck_credit_applications_gives_something_back check (amount_minor > 0)
    );
    create index ix_credit_applications_invoice_id on credit_applications (invoice_id)
"""

EFFECTS = r"""
    alter table effects
        drop constraint ck_effects_kind_known,
        add constraint ck_effects_kind_known check (
            kind in ('credit', 'letter', 'invoice', 'invoice_run', 'invoice_correction')
        )
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on billing_runs to runbooks_app;
            grant select, insert on run_entries, run_flags, run_parkings, credit_applications to runbooks_app;
            grant delete on invoices, invoice_lines to runbooks_app; -- of drafts: a trigger keeps what was issued
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (
        BILLING_RUNS, RUN_ENTRIES, RUN_FLAGS, INVOICES, INVOICE_LINES, CREDIT_APPLICATIONS, EFFECTS, GRANTS,
    ):  # fmt: skip
        op.execute(statement)


def downgrade() -> None:
    op.execute("delete from effects where kind not in ('credit', 'letter')")
    op.execute(
        "alter table effects drop constraint ck_effects_kind_known, "
        "add constraint ck_effects_kind_known check (kind in ('credit', 'letter'))"
    )
    op.execute("drop table credit_applications")
    op.execute(
        "alter table invoice_lines drop column kind, drop column price_id, drop column service_start, "
        "drop column service_end, drop column active_days, drop column period_days, drop column rate"
    )
    op.execute("drop index ix_invoices_period, ix_invoices_run_id")
    op.execute("delete from invoice_lines where invoice_id in (select invoice_id from invoices where status = 'draft')")
    op.execute("delete from invoices where status = 'draft'")
    op.execute(
        "alter table invoices drop column run_id, drop column legal_entity_id, drop column service_start, "
        "drop column service_end, drop column billed_by, drop column billed_to, drop column applied_credit_minor, "
        "drop column void_reason, drop constraint ck_invoices_issued_has_a_number, alter column number set not null"
    )
    for table in ("run_parkings", "run_flags", "run_entries", "billing_runs"):
        op.execute(f"drop table {table}")
    op.execute(
        "do $$ begin if to_regrole('runbooks_app') is not null then "
        "revoke delete on invoices, invoice_lines from runbooks_app; end if; end $$"
    )
