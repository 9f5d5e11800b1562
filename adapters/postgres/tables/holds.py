"""Holds: flags that stop one kind of effect for everybody, for a tenant or for a meter, until somebody releases them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text, func, text

from adapters.postgres.tables.columns import metadata, moment, one_of, words
from billing.holds import HeldEffect

holds = Table(
    "holds",
    metadata,
    Column("hold_id", Text, primary_key=True),
    words("effect"),
    Column("tenant_id", ForeignKey("tenants.tenant_id")),
    Column("meter", ForeignKey("meters.meter")),
    words("reason"),
    words("placed_by"),
    moment("placed_at", server_default=func.now()),
    Column("released_by", Text),
    moment("released_at", nullable=True),
    Column("release_reason", Text),
    Index("ix_holds_in_force", "effect", "tenant_id", postgresql_where=text("released_at is null")),
    one_of("effect", HeldEffect),
    CheckConstraint("(released_at is null) = (released_by is null)", name="released_by_somebody"),
    CheckConstraint("released_at >= placed_at", name="released_after_placed"),
)
