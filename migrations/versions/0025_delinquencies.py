"""One open episode of recovery for each tenant, and what was arranged with it."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

DELINQUENCIES = """
    create table delinquencies (
        case_id text not null,
        tenant_id text not null,
        episode integer not null,
        opened_at timestamptz not null,
        story jsonb,
        told_at timestamptz,
        ending text,
        closed_at timestamptz,
        constraint pk_delinquencies primary key (case_id),
        constraint uq_delinquencies_tenant_id_episode unique (tenant_id, episode),
        constraint fk_delinquencies_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_delinquencies_ending_known check (
            ending in ('recovered', 'written off', 'handed to the retention purge', 'not delinquent')
        ),
        constraint ck_delinquencies_episode_counts_from_one check (episode >= 1),
        constraint ck_delinquencies_closed_has_an_ending check ((ending is null) = (closed_at is null)),
        constraint ck_delinquencies_closed_with_its_story check (ending is null or story is not null)
    );
    create unique index uq_delinquencies_open on delinquencies (tenant_id) where ending is null;
    create index ix_delinquencies_opened_at on delinquencies (opened_at)
"""

ARRANGEMENTS = """
    create table arrangements (
        arrangement_id text not null,
        case_id text not null,
        kind text not null,
        request jsonb not null,
        requested_by text not null,
        reason text not null,
        requested_at timestamptz not null,
        state text not null,
        decided_by text,
        settled_at timestamptz,
        constraint pk_arrangements primary key (arrangement_id),
        constraint fk_arrangements_case_id foreign key (case_id) references delinquencies (case_id),
        constraint ck_arrangements_state_known check (
            state in ('asked', 'in_force', 'kept', 'broken', 'refused', 'over')
        )
    );
    create index ix_arrangements_case_id on arrangements (case_id)
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on delinquencies, arrangements to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (DELINQUENCIES, ARRANGEMENTS, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table arrangements")
    op.execute("drop table delinquencies")
