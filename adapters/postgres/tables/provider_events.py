"""Events of the payment provider as they arrived, and how far its list of events has been swept."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, func, text

from adapters.postgres.tables.columns import metadata, moment, one_of, words
from billing.provider_events import Arrival, EventState

# `raw` is text and not jsonb: what came is kept character by character, also where Postgres would refuse the JSON.
provider_events = Table(
    "provider_events",
    metadata,
    Column("event_id", Text, primary_key=True),
    words("type"),
    moment("occurred_at"),
    moment("received_at", server_default=func.now()),
    words("arrival"),
    words("raw"),
    words("state", server_default=text("'waiting'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    moment("trying_since"),
    moment("next_try_at", nullable=True),
    Column("tenant_id", ForeignKey("tenants.tenant_id")),
    Column("why", Text),
    moment("settled_at", nullable=True),
    Column("retried_by", Text),
    Column("retried_because", Text),
    Index("ix_provider_events_due", "next_try_at", postgresql_where=text("state = 'waiting'")),
    Index("ix_provider_events_parked", "received_at", postgresql_where=text("state = 'parked'")),
    Index("ix_provider_events_received_at", "received_at"),
    Index("ix_provider_events_tenant_id", "tenant_id", postgresql_where=text("tenant_id is not null")),
    one_of("state", EventState),
    one_of("arrival", Arrival),
    CheckConstraint("(state = 'waiting') = (next_try_at is not null)", name="waiting_has_its_turn"),
    CheckConstraint("(state = 'waiting') = (settled_at is null)", name="settled_has_its_moment"),
    CheckConstraint("state not in ('ignored', 'parked') or why is not null", name="left_with_a_reason"),
    CheckConstraint("(retried_by is null) = (retried_because is null)", name="retried_for_a_reason"),
    CheckConstraint("attempts >= 0", name="attempts_not_negative"),
)

# One row a provider: everything that it listed up to `swept_until` is here.
provider_event_sweeps = Table(
    "provider_event_sweeps",
    metadata,
    Column("provider", Text, primary_key=True),
    moment("swept_until"),
    moment("swept_at"),
    Column("found", Integer, nullable=False),
    CheckConstraint("found >= 0", name="found_not_negative"),
)
