"""Usage events, roll-ups and traffic logs, in monthly partitions that are made ahead."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

USAGE_EVENTS = r"""
    create table usage_events (
        event_id uuid not null,
        tenant_id text not null,
        event_time timestamptz not null,
        meter text not null,
        quantity numeric(24, 6) not null,
        route text not null,
        tool text,
        model text,
        trace_id uuid not null,
        api_key_id text not null,
        received_at timestamptz default now() not null,
        constraint pk_usage_events primary key (event_time, event_id)
    ) partition by range (event_time);
    create index ix_usage_events_tenant on usage_events (tenant_id, meter, event_time) include (quantity);
    create index ix_usage_events_time on usage_events using brin (event_time)
"""

USAGE_DAILY = r"""
    create table usage_daily (
        tenant_id text not null,
        meter text not null,
        day date not null,
        quantity numeric(24, 6) not null,
        events bigint not null,
        window_start timestamptz not null,
        window_end timestamptz not null,
        computed_at timestamptz default now() not null,
        constraint pk_usage_daily primary key (tenant_id, meter, day),
        constraint ck_usage_daily_window_not_empty check (window_end > window_start),
        constraint ck_usage_daily_events_not_negative check (events >= 0)
    )
"""

REQUEST_LOGS = r"""
    create table request_logs (
        trace_id uuid not null,
        tenant_id text not null,
        requested_at timestamptz not null,
        route text not null,
        meter text,
        quantity numeric(24, 6) not null,
        status smallint not null,
        latency_ms integer not null,
        api_key_id text not null,
        network text not null,
        constraint pk_request_logs primary key (requested_at, trace_id),
        constraint ck_request_logs_status_is_http check (status between 100 and 599)
    ) partition by range (requested_at);
    create index ix_request_logs_tenant on request_logs (tenant_id, requested_at)
"""

AUTHENTICATION_LOGS = r"""
    create table authentication_logs (
        entry_id bigint generated always as identity,
        tenant_id text not null,
        api_key_id text not null,
        network text not null,
        at timestamptz not null,
        succeeded boolean not null,
        constraint pk_authentication_logs primary key (entry_id)
    );
    create index ix_authentication_logs_tenant on authentication_logs (tenant_id, at)
"""

API_KEYS = r"""
    create table api_keys (
        api_key_id text not null,
        tenant_id text not null,
        created_at timestamptz default now() not null,
        revoked_at timestamptz,
        reported_compromised_at timestamptz,
        constraint pk_api_keys primary key (api_key_id),
        constraint fk_api_keys_tenant_id foreign key (tenant_id) references tenants (tenant_id)
    );
    create index ix_api_keys_tenant_id on api_keys (tenant_id)
"""

OUTAGES = r"""
    create table outages (
        outage_id text not null,
        meter text,
        route text,
        started_at timestamptz not null,
        ended_at timestamptz,
        summary text not null,
        constraint pk_outages primary key (outage_id),
        constraint ck_outages_ends_after_start check (ended_at > started_at)
    );
    create index ix_outages_started on outages (started_at)
"""

# For each month from the first one on, a partition `<table>_y<year>m<month>` from UTC midnight to UTC midnight. It runs
# with its owner's rights, so that the application may make months ahead without owning the tables.
MONTHS_AHEAD = r"""
    create function create_month_partitions(parent regclass, first_month date, months integer) returns integer
    language plpgsql security definer set search_path = public, pg_temp as $$
    declare
        month date;
        made integer := 0;
    begin
        if parent::text not in ('usage_events', 'request_logs') then
            raise exception '% is not kept in months', parent;
        end if;
        perform pg_advisory_xact_lock(7246111);
        for month in
            select generate_series(
                date_trunc('month', first_month), date_trunc('month', first_month) + make_interval(months => months - 1),
                interval '1 month'
            )
        loop
            if to_regclass(format('%s_%s', parent, to_char(month, '"y"YYYY"m"MM'))) is null then
                execute format(
                    'create table %I partition of %s for values from (%L) to (%L)',
                    format('%s_%s', parent, to_char(month, '"y"YYYY"m"MM')), parent,
                    month::timestamp at time zone 'UTC', (month + interval '1 month')::timestamp at time zone 'UTC'
                );
                made := made + 1;
            end if;
        end loop;
        return made;
    end $$
"""

DROP_MONTHS_AHEAD = "drop function create_month_partitions(regclass, date, integer)"


def upgrade() -> None:
    for statement in (USAGE_EVENTS, USAGE_DAILY, REQUEST_LOGS, AUTHENTICATION_LOGS, API_KEYS, OUTAGES, MONTHS_AHEAD):
        op.execute(statement)


def downgrade() -> None:
    for table in ("outages", "api_keys", "authentication_logs", "request_logs", "usage_daily", "usage_events"):
        op.execute(f"drop table {table}")
    op.execute(DROP_MONTHS_AHEAD)
