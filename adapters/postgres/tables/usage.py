"""Raw usage events and their daily roll-ups: the tables with the most rows.

Neither references `tenants` or `meters`: a foreign key costs two thirds of the loading speed, and an event that names
an unknown tenant is evidence to be looked at, not a row to be lost.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, PrimaryKeyConstraint, Table, Text, Uuid, func

from adapters.postgres.tables.columns import Quantity, metadata, moment, words

# Monthly partitions by UTC month. The key starts with the time, so that random ids load as fast as ordered ones; the
# same id under another time is therefore possible, and is a finding.
usage_events = Table(
    "usage_events",
    metadata,
    Column("event_id", Uuid, nullable=False),
    words("tenant_id"),
    moment("event_time"),
    words("meter"),
    Column("quantity", Quantity, nullable=False),
    words("route"),
    Column("tool", Text),
    Column("model", Text),
    Column("trace_id", Uuid, nullable=False),
    words("api_key_id"),
    moment("received_at", server_default=func.now()),
    PrimaryKeyConstraint("event_time", "event_id"),
    Index("ix_usage_events_time", "event_time", postgresql_using="brin"),
    Index("ix_usage_events_tenant", "tenant_id", "meter", "event_time", postgresql_include=["quantity"]),
    postgresql_partition_by="RANGE (event_time)",
)

# `window_start`/`window_end` are the half-open UTC window that the roll-up job says it read for `day`.
usage_daily = Table(
    "usage_daily",
    metadata,
    words("tenant_id"),
    words("meter"),
    Column("day", Date, nullable=False),
    Column("quantity", Quantity, nullable=False),
    Column("events", BigInteger, nullable=False),
    moment("window_start"),
    moment("window_end"),
    moment("computed_at", server_default=func.now()),
    PrimaryKeyConstraint("tenant_id", "meter", "day"),
    CheckConstraint("window_end > window_start", name="window_not_empty"),
    CheckConstraint("events >= 0", name="events_not_negative"),
)
