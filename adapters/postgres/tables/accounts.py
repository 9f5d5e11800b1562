"""Who is billed, at what price, under which policy, and who works on it: tenants, contracts, meters, operators."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Table, Text, UniqueConstraint, func, text

from adapters.postgres.tables.columns import Json, currency, currency_code, metadata, minor, moment, one_of, words
from billing.authority import Role
from billing.tenants import Tier

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
    one_of("tier", Tier),
    currency_code(),
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

# `prices` is a JSON list of billing.prices.MeterPrice, validated whenever a contract is written or read.
contracts = Table(
    "contracts",
    metadata,
    Column("contract_id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False),
    currency(),
    moment("starts"),
    moment("ends", nullable=True),
    minor("base_fee_minor", server_default=text("0")),
    Column("prices", Json, nullable=False),
    UniqueConstraint("tenant_id", "starts"),
    Index("ix_contracts_open", "tenant_id", unique=True, postgresql_where=text("ends is null")),
    currency_code(),
    CheckConstraint("ends > starts", name="ends_after_start"),
    CheckConstraint("base_fee_minor >= 0", name="base_fee_not_negative"),
    CheckConstraint("jsonb_typeof(prices) = 'array'", name="prices_are_a_list"),
)
