"""Events of the payment provider, kept as they arrived before anything is done about them."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

EVENTS = """
    create table provider_events (
        event_id text not null,
        type text not null,
        occurred_at timestamptz not null,
        received_at timestamptz not null default now(),
        arrival text not null,
        raw text not null,
        state text not null default 'waiting',
        attempts integer not null default 0,
        trying_since timestamptz not null,
        next_try_at timestamptz,
        tenant_id text,
        why text,
        settled_at timestamptz,
        retried_by text,
        retried_because text,
        constraint pk_provider_events primary key (event_id),
        constraint fk_provider_events_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_provider_events_state_known check (state in ('waiting', 'processed', 'ignored', 'parked')),
        constraint ck_provider_events_arrival_known check (arrival in ('webhook', 'sweep')),
        constraint ck_provider_events_waiting_has_its_turn check ((state = 'waiting') = (next_try_at is not null)),
        constraint ck_provider_events_settled_has_its_moment check ((state = 'waiting') = (settled_at is null)),
        constraint ck_provider_events_left_with_a_reason check (state not in ('ignored', 'parked') or why is not null),
        constraint ck_provider_events_retried_for_a_reason check ((retried_by is null) = (retried_because is null)),
        constraint ck_provider_events_attempts_not_negative check (attempts >= 0)
    );
    create index ix_provider_events_due on provider_events (next_try_at) where state = 'waiting';
    create index ix_provider_events_parked on provider_events (received_at) where state = 'parked';
    create index ix_provider_events_received_at on provider_events (received_at);
    create index ix_provider_events_tenant_id on provider_events (tenant_id) where tenant_id is not null
"""

SWEEPS = """
    create table provider_event_sweeps (
        provider text not null,
        swept_until timestamptz not null,
        swept_at timestamptz not null,
        found integer not null,
        constraint pk_provider_event_sweeps primary key (provider),
        constraint ck_provider_event_sweeps_found_not_negative check (found >= 0)
    )
"""

# What arrived is never rewritten; only what became of it is.
GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert on provider_events to runbooks_app;
            grant update (state, attempts, trying_since, next_try_at, tenant_id, why, settled_at, retried_by,
                retried_because) on provider_events to runbooks_app;
            grant select, insert, update on provider_event_sweeps to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (EVENTS, SWEEPS, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table provider_event_sweeps")
    op.execute("drop table provider_events")
