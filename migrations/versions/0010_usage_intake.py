"""Usage on its way in: loads that resume, rows that were refused, what arrived late, and roll-ups to bring up to date."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

USAGE_LOADS = r"""
    create table usage_loads (
        load_id text not null,
        source text not null,
        sha256 char(64),
        state text not null,
        position bigint default 0 not null,
        stored bigint default 0 not null,
        known bigint default 0 not null,
        late bigint default 0 not null,
        quarantined bigint default 0 not null,
        started_by text not null,
        started_at timestamptz default now() not null,
        finished_at timestamptz,
        constraint pk_usage_loads primary key (load_id),
        constraint ck_usage_loads_state_known check (state in ('loading', 'done')),
        constraint ck_usage_loads_finished_when_done check ((state = 'done') = (finished_at is not null)),
        constraint ck_usage_loads_position_not_negative check (position >= 0)
    )
"""

USAGE_QUARANTINE = r"""
    create table usage_quarantine (
        entry_id bigint generated always as identity,
        load_id text not null,
        line bigint not null,
        field text not null,
        reason text not null,
        row jsonb not null,
        state text default 'held' not null,
        received_at timestamptz default now() not null,
        settled_by text,
        settled_at timestamptz,
        constraint pk_usage_quarantine primary key (entry_id),
        constraint uq_usage_quarantine_load_id_line unique (load_id, line),
        constraint fk_usage_quarantine_load_id foreign key (load_id) references usage_loads (load_id),
        constraint ck_usage_quarantine_state_known check (state in ('held', 'released', 'discarded')),
        constraint ck_usage_quarantine_settled_by_somebody check (
            (state = 'held') = (settled_by is null and settled_at is null)
        ),
        constraint ck_usage_quarantine_line_counts_from_one check (line >= 1)
    );
    create index ix_usage_quarantine_held on usage_quarantine (received_at) where state = 'held'
"""

PERIOD_CLOSINGS = r"""
    create table period_closings (
        period text not null,
        cutoff timestamptz not null,
        run_id text not null,
        constraint pk_period_closings primary key (period),
        constraint ck_period_closings_period_is_a_month check (period ~ '^\d{4}-(0[1-9]|1[0-2])$')
    )
"""

LATE_USAGE = r"""
    create table late_usage (
        event_time timestamptz not null,
        event_id uuid not null,
        tenant_id text not null,
        meter text not null,
        period text not null,
        quantity numeric(24, 6) not null,
        received_at timestamptz default now() not null,
        billed_on text,
        constraint pk_late_usage primary key (event_time, event_id),
        constraint fk_late_usage_billed_on foreign key (billed_on) references invoices (invoice_id),
        constraint ck_late_usage_period_is_a_month check (period ~ '^\d{4}-(0[1-9]|1[0-2])$')
    );
    create index ix_late_usage_tenant on late_usage (tenant_id, period, meter);
    create index ix_late_usage_billed_on on late_usage (billed_on)
"""

ROLLUP_DIRTY = r"""
    create table rollup_dirty (
        tenant_id text not null,
        meter text not null,
        day date not null,
        constraint pk_rollup_dirty primary key (tenant_id, meter, day)
    )
"""

ROLLUP_FINDINGS = r"""
    create table rollup_findings (
        tenant_id text not null,
        meter text not null,
        day date not null,
        raw_quantity numeric(24, 6) not null,
        rolled_quantity numeric(24, 6) not null,
        raw_events bigint not null,
        rolled_events bigint not null,
        found_at timestamptz default now() not null,
        resolved_at timestamptz,
        constraint pk_rollup_findings primary key (tenant_id, meter, day, found_at),
        constraint ck_rollup_findings_resolved_after_found check (resolved_at >= found_at)
    );
    create unique index ix_rollup_findings_open on rollup_findings (tenant_id, meter, day) where resolved_at is null
"""

# The month a tenant's local day is billed in: a service period is named after the month of its last day.
SERVICE_MONTH = r"""
    create function service_month(day date, anchor_day integer) returns text
    language sql immutable parallel safe as $$
        select to_char(
            case
                when anchor_day > 1 and extract(day from day) >= least(
                    anchor_day, extract(day from date_trunc('month', day) + interval '1 month' - interval '1 day')
                )
                then date_trunc('month', day) + interval '1 month'
                else day
            end, 'YYYY-MM'
        )
    $$
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on usage_loads, usage_quarantine, late_usage, rollup_findings to runbooks_app;
            grant select, insert on period_closings to runbooks_app;
            grant select, insert, delete on rollup_dirty to runbooks_app;
            grant usage on all sequences in schema public to runbooks_app;
            grant execute on function service_month(date, integer) to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (
        USAGE_LOADS, USAGE_QUARANTINE, PERIOD_CLOSINGS, LATE_USAGE, ROLLUP_DIRTY, ROLLUP_FINDINGS, SERVICE_MONTH, GRANTS,
    ):  # fmt: skip
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function service_month(date, integer)")
    for table in (
        "rollup_findings", "rollup_dirty", "late_usage", "period_closings", "usage_quarantine", "usage_loads",
    ):  # fmt: skip
        op.execute(f"drop table {table}")
