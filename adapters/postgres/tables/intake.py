"""Usage on its way in: loads, rows that were refused, closings and what came after them, and roll-ups to bring up to date."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from adapters.postgres.tables.columns import Json, Quantity, billing_month, metadata, moment, one_of, sha256, words


class LoadState(StrEnum):
    """A load that was interrupted stays `loading` and goes on where it stood."""

    LOADING = "loading"
    DONE = "done"


class QuarantineState(StrEnum):
    """What became of a refused row; only a person releases or discards it."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"


# `position` counts the rows of the file that are done with, in its order.
usage_loads = Table(
    "usage_loads",
    metadata,
    Column("load_id", Text, primary_key=True),
    words("source"),
    sha256("sha256", nullable=True),
    words("state"),
    Column("position", BigInteger, nullable=False, server_default=text("0")),
    Column("stored", BigInteger, nullable=False, server_default=text("0")),
    Column("known", BigInteger, nullable=False, server_default=text("0")),
    Column("late", BigInteger, nullable=False, server_default=text("0")),
    Column("quarantined", BigInteger, nullable=False, server_default=text("0")),
    words("started_by"),
    moment("started_at", server_default=func.now()),
    moment("finished_at", nullable=True),
    one_of("state", LoadState),
    CheckConstraint("(state = 'done') = (finished_at is not null)", name="finished_when_done"),
    CheckConstraint("position >= 0", name="position_not_negative"),
)

# `row` is what was sent, as text by column; `line` its place in the file or batch, from 1.
usage_quarantine = Table(
    "usage_quarantine",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("load_id", ForeignKey("usage_loads.load_id"), nullable=False),
    Column("line", BigInteger, nullable=False),
    words("field"),
    words("reason"),
    Column("row", Json, nullable=False),
    words("state", server_default=text("'held'")),
    moment("received_at", server_default=func.now()),
    Column("settled_by", Text),
    moment("settled_at", nullable=True),
    UniqueConstraint("load_id", "line"),
    Index("ix_usage_quarantine_held", "received_at", postgresql_where=text("state = 'held'")),
    one_of("state", QuarantineState),
    CheckConstraint(
        "(state = 'held') = (settled_by is null and settled_at is null)",
        name="settled_by_somebody",
    ),
    CheckConstraint("line >= 1", name="line_counts_from_one"),
)

# Usage of a closed period that arrives after its cutoff is late, for meter, invoicer and reconciler alike.
period_closings = Table(
    "period_closings",
    metadata,
    Column("period", Text, primary_key=True),
    moment("cutoff"),
    words("run_id"),
    billing_month("period"),
)

late_usage = Table(
    "late_usage",
    metadata,
    moment("event_time"),
    Column("event_id", Uuid, nullable=False),
    words("tenant_id"),
    words("meter"),
    words("period"),
    Column("quantity", Quantity, nullable=False),
    moment("received_at", server_default=func.now()),
    Column("billed_on", ForeignKey("invoices.invoice_id"), index=True),
    PrimaryKeyConstraint("event_time", "event_id"),
    Index("ix_late_usage_tenant", "tenant_id", "period", "meter"),
    billing_month("period"),
)

# The tenant's local days whose roll-up is older than their events; a day stands here once for each load that touched it.
rollup_dirty = Table(
    "rollup_dirty",
    metadata,
    words("tenant_id", index=True),
    words("meter"),
    Column("day", Date, nullable=False),
)

# Where a roll-up and the raw events disagreed (D14); resolved once they agree again.
rollup_findings = Table(
    "rollup_findings",
    metadata,
    words("tenant_id"),
    words("meter"),
    Column("day", Date, nullable=False),
    Column("raw_quantity", Quantity, nullable=False),
    Column("rolled_quantity", Quantity, nullable=False),
    Column("raw_events", BigInteger, nullable=False),
    Column("rolled_events", BigInteger, nullable=False),
    moment("found_at", server_default=func.now()),
    moment("resolved_at", nullable=True),
    PrimaryKeyConstraint("tenant_id", "meter", "day", "found_at"),
    Index(
        "ix_rollup_findings_open",
        "tenant_id",
        "meter",
        "day",
        unique=True,
        postgresql_where=text("resolved_at is null"),
    ),
    CheckConstraint("resolved_at >= found_at", name="resolved_after_found"),
)
