"""Who is billed, at what price, under which policy, and who works on it."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANTS = r"""
    create table tenants (
        tenant_id text not null,
        name text not null,
        tier text not null,
        currency char(3) not null,
        zone text not null,
        country text not null,
        locale text not null,
        billing_email text not null,
        provider_customer_id text,
        constraint pk_tenants primary key (tenant_id),
        constraint ck_tenants_tier_known check (tier in ('enterprise', 'pro', 'free')),
        constraint ck_tenants_currency_code check (currency ~ '^[A-Z]{3}$'),
        constraint ck_tenants_tenant_id_shape check (tenant_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
        constraint uq_tenants_provider_customer_id unique (provider_customer_id)
    )
"""

TENANT_POLICIES = r"""
    create table tenant_policies (
        tenant_id text not null,
        version text not null,
        bundle jsonb not null,
        since timestamptz default now() not null,
        constraint pk_tenant_policies primary key (tenant_id),
        constraint fk_tenant_policies_tenant_id foreign key (tenant_id) references tenants (tenant_id)
    )
"""

OPERATORS = r"""
    create table operators (
        operator_id text not null,
        name text not null,
        email text not null,
        role text not null,
        public_key text not null,
        active boolean default true not null,
        created_at timestamptz default now() not null,
        constraint pk_operators primary key (operator_id),
        constraint ck_operators_role_known check (
            role in ('agent', 'lead', 'engineering', 'finance', 'vp', 'account_manager')
        ),
        constraint ck_operators_operator_id_shape check (operator_id ~ '^[a-z0-9][a-z0-9@._-]{0,126}$'),
        constraint ck_operators_operator_is_a_person check (operator_id <> 'runbook'),
        constraint uq_operators_public_key unique (public_key)
    )
"""

METERS = r"""
    create table meters (
        meter text not null,
        unit text not null,
        description text not null,
        constraint pk_meters primary key (meter),
        constraint ck_meters_meter_shape check (meter ~ '^[a-z][a-z0-9_]{0,62}$')
    )
"""

CONTRACTS = r"""
    create table contracts (
        contract_id text not null,
        tenant_id text not null,
        currency char(3) not null,
        starts timestamptz not null,
        ends timestamptz,
        base_fee_minor bigint default 0 not null,
        prices jsonb not null,
        constraint pk_contracts primary key (contract_id),
        constraint uq_contracts_tenant_id_starts unique (tenant_id, starts),
        constraint ck_contracts_currency_code check (currency ~ '^[A-Z]{3}$'),
        constraint ck_contracts_ends_after_start check (ends > starts),
        constraint ck_contracts_base_fee_not_negative check (base_fee_minor >= 0),
        constraint ck_contracts_prices_are_a_list check (jsonb_typeof(prices) = 'array'),
        constraint fk_contracts_tenant_id foreign key (tenant_id) references tenants (tenant_id)
    );
    create unique index ix_contracts_open on contracts (tenant_id) where ends is null
"""


def upgrade() -> None:
    for statement in (TENANTS, TENANT_POLICIES, OPERATORS, METERS, CONTRACTS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("contracts", "meters", "operators", "tenant_policies", "tenants"):
        op.execute(f"drop table {table}")
