"""Who is billed, at what price, under which policy, and who works on it: tenants, contracts, meters, operators."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from adapters.postgres.tables.columns import Json, currency, currency_code, metadata, moment, one_of, words
from billing.accounts import Subject
from billing.authority import Role
from billing.tenants import Collection, Tier

# Who issues invoices; its prefix begins every number of its gapless series.
legal_entities = Table(
    "legal_entities",
    metadata,
    Column("entity_id", Text, primary_key=True),
    words("name"),
    words("address"),
    words("country"),
    Column("tax_id", Text),
    words("email"),
    Column("bank_details", Text),
    words("number_prefix", unique=True),
    CheckConstraint("entity_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="entity_id_shape"),
    CheckConstraint("number_prefix ~ '^[A-Z][A-Z0-9]{0,11}$'", name="number_prefix_shape"),
)

tenants = Table(
    "tenants",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    words("name"),
    words("tier"),
    currency(),
    words("zone"),
    words("country"),
    words("locale"),
    words("billing_email"),
    Column("provider_customer_id", Text, unique=True),
    Column("anchor_day", SmallInteger, nullable=False, server_default=text("1")),
    Column("legal_entity_id", ForeignKey("legal_entities.entity_id")),
    Column("address", Text),
    Column("tax_id", Text),
    words("collection", server_default=text("'charge_automatically'")),
    Column("payment_method_id", Text),
    one_of("tier", Tier),
    one_of("collection", Collection),
    currency_code(),
    CheckConstraint("anchor_day between 1 and 31", name="anchor_day_in_a_month"),
    CheckConstraint("tenant_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'", name="tenant_id_shape"),
)

# A tenant's own policy bundle (billing.policy.bundle.Policy as JSON); without a row the standard policy is in force.
tenant_policies = Table(
    "tenant_policies",
    metadata,
    Column("tenant_id", ForeignKey("tenants.tenant_id"), primary_key=True),
    words("version"),
    Column("bundle", Json, nullable=False),
    moment("since", server_default=func.now()),
)

operators = Table(
    "operators",
    metadata,
    Column("operator_id", Text, primary_key=True),
    words("name"),
    words("email"),
    words("role"),
    words("public_key", unique=True),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    moment("created_at", server_default=func.now()),
    one_of("role", Role),
    CheckConstraint("operator_id ~ '^[a-z0-9][a-z0-9@._-]{0,126}$'", name="operator_id_shape"),
    # The runbook asks under this name, so nobody may answer under it.
    CheckConstraint("operator_id <> 'runbook'", name="operator_is_a_person"),
)

meters = Table(
    "meters",
    metadata,
    Column("meter", Text, primary_key=True),
    words("unit"),
    words("description"),
    CheckConstraint("meter ~ '^[a-z][a-z0-9_]{0,62}$'", name="meter_shape"),
)

# What was agreed stands in the shared `contract_terms`; `pauses` is a JSON list of billing.contracts.Pause.
contracts = Table(
    "contracts",
    metadata,
    Column("contract_id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    currency(),
    moment("starts"),
    moment("ends", nullable=True),
    Column("terms_id", ForeignKey("contract_terms.terms_id"), nullable=False),
    Column("pauses", Json, nullable=False, server_default=text("'[]'")),
    UniqueConstraint("tenant_id", "starts"),
    Index("ix_contracts_open", "tenant_id", unique=True, postgresql_where=text("ends is null")),
    currency_code(),
    CheckConstraint("ends > starts", name="ends_after_start"),
    CheckConstraint("jsonb_typeof(pauses) = 'array'", name="pauses_are_a_list"),
)


# Who changed a customer or a contract, and why; rows are only ever added.
account_changes = Table(
    "account_changes",
    metadata,
    Column("change_id", BigInteger, Identity(always=True), primary_key=True),
    moment("at"),
    words("by"),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    words("subject"),
    words("name"),
    words("reason"),
    Column("before", Json),
    Column("after", Json, nullable=False),
    Index("ix_account_changes_tenant_id", "tenant_id", "change_id"),
    one_of("subject", Subject),
)
