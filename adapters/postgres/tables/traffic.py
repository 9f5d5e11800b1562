"""What the service saw: logged requests, authentications, API keys and outages; evidence beside the usage events."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
)

from adapters.postgres.tables.columns import Quantity, metadata, moment, words

# Monthly partitions by UTC month. `quantity` is the metered units that this request should count, `meter` NULL on
# unmetered routes; `network` is in CIDR notation.
request_logs = Table(
    "request_logs",
    metadata,
    Column("trace_id", Uuid, nullable=False),
    words("tenant_id"),
    moment("requested_at"),
    words("route"),
    Column("meter", Text),
    Column("quantity", Quantity, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    words("api_key_id"),
    words("network"),
    PrimaryKeyConstraint("requested_at", "trace_id"),
    Index("ix_request_logs_tenant", "tenant_id", "requested_at"),
    CheckConstraint("status between 100 and 599", name="status_is_http"),
    postgresql_partition_by="RANGE (requested_at)",
)

authentication_logs = Table(
    "authentication_logs",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    words("tenant_id"),
    words("api_key_id"),
    words("network"),
    moment("at"),
    Column("succeeded", Boolean, nullable=False),
    Index("ix_authentication_logs_tenant", "tenant_id", "at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("api_key_id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id"), nullable=False, index=True),
    moment("created_at", server_default=func.now()),
    moment("revoked_at", nullable=True),
    moment("reported_compromised_at", nullable=True),
)

# NULL in `meter` or `route` means all of them.
outages = Table(
    "outages",
    metadata,
    Column("outage_id", Text, primary_key=True),
    Column("meter", Text),
    Column("route", Text),
    moment("started_at"),
    moment("ended_at", nullable=True),
    words("summary"),
    Index("ix_outages_started", "started_at"),
    CheckConstraint("ended_at > started_at", name="ends_after_start"),
)
