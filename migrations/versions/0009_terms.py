"""What a tenant agreed to, kept once however many share it; who issues invoices, to whom they are addressed, and holds."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

DICTIONARIES = r"""
    create table prices (
        price_id bigint generated always as identity,
        sha256 char(64) not null,
        price jsonb not null,
        constraint pk_prices primary key (price_id),
        constraint uq_prices_sha256 unique (sha256)
    );
    create table contract_terms (
        terms_id bigint generated always as identity,
        sha256 char(64) not null,
        currency char(3) not null,
        terms jsonb not null,
        constraint pk_contract_terms primary key (terms_id),
        constraint uq_contract_terms_sha256 unique (sha256),
        constraint ck_contract_terms_currency_code check (currency ~ '^[A-Z]{3}$'),
        constraint ck_contract_terms_terms_are_an_object check (jsonb_typeof(terms) = 'object')
    );
    create table parties (
        party_id bigint generated always as identity,
        sha256 char(64) not null,
        party jsonb not null,
        constraint pk_parties primary key (party_id),
        constraint uq_parties_sha256 unique (sha256)
    )
"""

CONTRACTS = r"""
    alter table contracts
        add column terms_id bigint,
        add column pauses jsonb default '[]' not null,
        add constraint fk_contracts_terms_id foreign key (terms_id) references contract_terms (terms_id),
        add constraint ck_contracts_pauses_are_a_list check (jsonb_typeof(pauses) = 'array')
"""

LEGAL_ENTITIES = r"""
    create table legal_entities (
        entity_id text not null,
        name text not null,
        address text not null,
        country text not null,
        tax_id text,
        email text not null,
        bank_details text,
        number_prefix text not null,
        constraint pk_legal_entities primary key (entity_id),
        constraint uq_legal_entities_number_prefix unique (number_prefix),
        constraint ck_legal_entities_entity_id_shape check (entity_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
        constraint ck_legal_entities_number_prefix_shape check (number_prefix ~ '^[A-Z][A-Z0-9]{0,11}$')
    )
"""

TENANTS = r"""
    alter table tenants
        add column anchor_day smallint default 1 not null,
        add column legal_entity_id text,
        add column address text,
        add column tax_id text,
        add column collection text default 'charge_automatically' not null,
        add column payment_method_id text,
        add constraint fk_tenants_legal_entity_id foreign key (legal_entity_id) references legal_entities (entity_id),
        add constraint ck_tenants_anchor_day_in_a_month check (anchor_day between 1 and 31),
        add constraint ck_tenants_collection_known check (collection in ('charge_automatically', 'send_invoice'))
"""

HOLDS = r"""
    create table holds (
        hold_id text not null,
        effect text not null,
        tenant_id text,
        meter text,
        reason text not null,
        placed_by text not null,
        placed_at timestamptz default now() not null,
        released_by text,
        released_at timestamptz,
        release_reason text,
        constraint pk_holds primary key (hold_id),
        constraint fk_holds_tenant_id foreign key (tenant_id) references tenants (tenant_id),
        constraint fk_holds_meter foreign key (meter) references meters (meter),
        constraint ck_holds_effect_known check (
            effect in ('invoicing', 'invoice_delivery', 'charging', 'suspension', 'writes')
        ),
        constraint ck_holds_released_by_somebody check ((released_at is null) = (released_by is null)),
        constraint ck_holds_released_after_placed check (released_at >= placed_at)
    );
    create index ix_holds_in_force on holds (effect, tenant_id) where released_at is null
"""

GRANTS = """
    do $$
    begin
        if to_regrole('runbooks_app') is not null then
            grant select, insert on prices, contract_terms, parties to runbooks_app;
            grant select, insert, update on legal_entities, holds to runbooks_app;
            grant usage on all sequences in schema public to runbooks_app;
        end if;
    end $$
"""


def upgrade() -> None:
    for statement in (DICTIONARIES, CONTRACTS, LEGAL_ENTITIES, TENANTS, HOLDS, GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table holds")
    op.execute(
        "alter table tenants drop column anchor_day, drop column legal_entity_id, drop column address, "
        "drop column tax_id, drop column collection, drop column payment_method_id"
    )
    op.execute("alter table contracts drop column terms_id, drop column pauses")
    for table in ("legal_entities", "parties", "contract_terms", "prices"):
        op.execute(f"drop table {table}")
