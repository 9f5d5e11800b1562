"""What each tenant's service is limited to, by cause, and the alerts about usage."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

RESTRICTIONS = """
    create table restrictions (
        tenant_id text not null,
        restriction text default 'none' not null,
        rate_share numeric(5, 4) default 1 not null,
        cause text,
        reason text default '' not null,
        since timestamptz,
        revision bigint default 0 not null,
        constraint pk_restrictions primary key (tenant_id),
        constraint fk_restrictions_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_restrictions_restriction_known check (
            restriction in ('none', 'rate_limited', 'new_requests_blocked', 'suspended', 'deleted')
        ),
        constraint ck_restrictions_cause_known check (cause in ('delinquency', 'overage', 'operator')),
        constraint ck_restrictions_limited_by_a_cause check ((restriction = 'none') = (cause is null)),
        constraint ck_restrictions_share_fits check (
            (restriction = 'rate_limited') = (rate_share > 0 and rate_share < 1)
        )
    );
    create index ix_restrictions_limited on restrictions (tenant_id) where restriction <> 'none';
    create table restriction_limits (
        tenant_id text not null,
        cause text not null,
        restriction text not null,
        rate_share numeric(5, 4) not null,
        reason text not null,
        since timestamptz not null,
        case_id text not null,
        by text not null,
        constraint pk_restriction_limits primary key (tenant_id, cause),
        constraint fk_restriction_limits_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_restriction_limits_cause_known check (cause in ('delinquency', 'overage', 'operator')),
        constraint ck_restriction_limits_limits check (
            restriction in ('rate_limited', 'new_requests_blocked', 'suspended', 'deleted')
        ),
        constraint ck_restriction_limits_share_fits check (
            (restriction = 'rate_limited') = (rate_share > 0 and rate_share < 1)
        )
    )
"""

LOG = """
    create table restriction_log (
        log_id bigint generated always as identity,
        op_key text not null,
        tenant_id text not null,
        cause text not null,
        restriction text not null,
        rate_share numeric(5, 4) not null,
        reason text not null,
        case_id text not null,
        by text not null,
        at timestamptz not null,
        constraint pk_restriction_log primary key (log_id),
        constraint uq_restriction_log_op_key unique (op_key),
        constraint fk_restriction_log_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_restriction_log_cause_known check (cause in ('delinquency', 'overage', 'operator')),
        constraint ck_restriction_log_restriction_known check (
            restriction in ('none', 'rate_limited', 'new_requests_blocked', 'suspended', 'deleted')
        )
    );
    create index ix_restriction_log_tenant_id on restriction_log (tenant_id, log_id)
"""

USAGE = """
    create table usage_caps (
        cap_id bigint generated always as identity,
        tenant_id text not null,
        meter text not null,
        cap numeric(24, 6),
        as_contracted boolean default false not null,
        reason text not null,
        by text not null,
        at timestamptz not null,
        constraint pk_usage_caps primary key (cap_id),
        constraint fk_usage_caps_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint fk_usage_caps_meter foreign key (meter) references meters (meter),
        constraint ck_usage_caps_cap_is_more_than_nothing check (cap > 0),
        constraint ck_usage_caps_contract_has_its_own check (cap is null or not as_contracted)
    );
    create index ix_usage_caps_tenant_id on usage_caps (tenant_id, meter, cap_id);
    create table usage_alerts (
        alert_id bigint generated always as identity,
        tenant_id text not null,
        kind text not null,
        meter text not null,
        period date not null,
        mark text not null,
        facts jsonb not null,
        found_at timestamptz not null,
        told_at timestamptz,
        constraint pk_usage_alerts primary key (alert_id),
        constraint uq_usage_alerts_tenant_id_kind_meter_period_mark unique (tenant_id, kind, meter, period, mark),
        constraint fk_usage_alerts_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint ck_usage_alerts_kind_known check (kind in ('threshold', 'review', 'spike', 'lifted'))
    );
    create index ix_usage_alerts_untold on usage_alerts (alert_id) where told_at is null
"""

# The log of restrictions and the caps are only ever added to.
GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert, update on restrictions, usage_alerts to runbooks_app;
            grant select, insert, update, delete on restriction_limits to runbooks_app;
            grant select, insert on restriction_log, usage_caps to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (RESTRICTIONS, LOG, USAGE, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("usage_alerts", "usage_caps", "restriction_log", "restriction_limits", "restrictions"):
        op.execute(f"drop table {table}")
