"""Storing a batch in a handful of set-wise statements: what may not be usage is taken out, the rest is added once.

Nearly every batch is all new, of known tenants and of open periods, and is copied straight to where it belongs; the
primary key then says whether that was true. Otherwise its rows are staged and looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from adapters.postgres.closings import let_usage_in
from adapters.postgres.usage_intake.batches import Batch
from adapters.postgres.usage_intake.repeats import Told, told_differently
from adapters.postgres.usage_intake.staging import LISTED, stage_rows, stage_touched, store_at_once
from adapters.usage_files.blocks import Flaw

# A tenant's day is at most 14 hours before or behind UTC's.
_A_DAY = timedelta(days=1)

# Few tenants and meters stand for many rows; only when one is unknown are its rows looked for.
_SOMEBODY_UNKNOWN = text("""
    select exists (
        select from touched where
            not exists (select from tenants where tenants.tenant_id = touched.tenant_id)
            or not exists (select from meters where meters.meter = touched.meter)
    )
""")
_UNKNOWN = text("""
    select arriving.place,
        case when tenants.tenant_id is null then 'tenant_id' else 'meter' end as field,
        case when tenants.tenant_id is null then arriving.tenant_id else arriving.meter end as word
    from arriving left join tenants using (tenant_id) left join meters using (meter)
    where tenants.tenant_id is null or meters.meter is null
""")

_CLOSED = text("select exists (select from period_closings where period >= :earliest)")

_BELATED = text("""
    insert into belated (place, period, cutoff)
    select place, closed.period, closed.cutoff
    from arriving join tenants using (tenant_id)
        join period_closings as closed
            on closed.period = service_month(cast(event_time at time zone zone as date), anchor_day)
    where not exists (
        select from usage_events as known
        where known.event_time = arriving.event_time and known.event_id = arriving.event_id
    )
""")

_TOO_LATE = text("select place, period, cutoff from belated where cutoff < :late_since")

_LATE = text("""
    insert into late_usage (event_time, event_id, tenant_id, meter, period, quantity)
    select event_time, event_id, tenant_id, meter, period, quantity
    from belated join arriving using (place)
    order by event_time, event_id
    on conflict do nothing
""")

_STORE = text(f"insert into usage_events ({LISTED}) select {LISTED} from arriving on conflict do nothing")  # noqa: S608

_TOLD_DIFFERENTLY = text("""
    select place, event_time, known.tenant_id, known.meter, known.quantity
    from arriving join usage_events as known using (event_time, event_id)
    where event_time between :first and :last
        and (known.tenant_id, known.meter, known.quantity)
            is distinct from (arriving.tenant_id, arriving.meter, arriving.quantity)
""")

# Between a tenant's first and last event of a batch every day is marked: making one anew too many costs little.
_MARK = text("""
    insert into rollup_dirty (tenant_id, meter, day)
    select tenant_id, meter, cast(day as date)
    from touched join tenants using (tenant_id) cross join lateral generate_series(
        date_trunc('day', first at time zone zone), date_trunc('day', last at time zone zone), interval '1 day'
    ) as day
""")

_TAKE_OUT = text("delete from arriving where place = any(:places)")
_NOT_BELATED = text("delete from belated where place = any(:places)")


@dataclass
class Stored:
    """What became of a batch; `known` rows were there before, with the same content."""

    stored: int = 0
    known: int = 0
    late: int = 0
    flaws: list[Flaw] = field(default_factory=list)


def store(connection: Connection, batch: Batch, late_since: datetime) -> Stored:
    """Store a batch in the transaction of `connection`; rows of periods closed before `late_since` are set aside.

    Waits while a period is being closed. The months' partitions must be there.
    """
    made = Stored(known=batch.known, flaws=list(batch.flaws))
    if not batch.size or batch.first is None:
        return made
    let_usage_in(connection)
    stage_touched(connection, batch)
    unknown = connection.execute(_SOMEBODY_UNKNOWN).scalar_one()
    closed = connection.execute(_CLOSED, {"earliest": f"{batch.first - _A_DAY:%Y-%m}"}).scalar_one()
    if not (unknown or closed) and store_at_once(connection, batch):
        made.stored = batch.size
    else:
        stage_rows(connection, batch)
        _store_row_by_row(connection, batch, made, unknown=unknown, late_since=late_since if closed else None)
    if made.stored:
        connection.execute(_MARK)
    return made


def _store_row_by_row(
    connection: Connection, batch: Batch, made: Stored, *, unknown: bool, late_since: datetime | None
) -> None:
    """Look at every row: some may not be usage, late, or known from before. `late_since` None: no period is closed."""
    before = len(made.flaws)
    if unknown:
        _refuse(connection, batch, made, connection.execute(_UNKNOWN), _unknown)
    if late_since:
        made.late = _set_late_apart(connection, batch, made, late_since)
    left = batch.size - (len(made.flaws) - before)
    made.stored = connection.execute(_STORE).rowcount
    if made.stored < left:
        span = {"first": batch.first, "last": batch.last}
        differing = connection.execute(_TOLD_DIFFERENTLY, span).mappings().all()
        made.flaws += [batch.flaw(row["place"], *_told_differently(row)) for row in differing]
        made.known += left - made.stored - len(differing)


def _set_late_apart(connection: Connection, batch: Batch, made: Stored, late_since: datetime) -> int:
    connection.execute(_BELATED)
    too_late = connection.execute(_TOO_LATE, {"late_since": late_since})
    places = _refuse(connection, batch, made, too_late, _too_late)
    connection.execute(_NOT_BELATED, {"places": places})
    return connection.execute(_LATE).rowcount


_Words = Callable[[RowMapping], tuple[str, str]]


def _refuse(connection: Connection, batch: Batch, made: Stored, found: Any, words: _Words) -> list[int]:
    """Take the rows that a statement found out of the batch; returns their places."""
    rows = found.mappings().all()
    places = [row["place"] for row in rows]
    if places:
        made.flaws += [batch.flaw(row["place"], *words(row)) for row in rows]
        connection.execute(_TAKE_OUT, {"places": places})
    return places


def _unknown(row: RowMapping) -> tuple[str, str]:
    noun = "tenant" if row["field"] == "tenant_id" else "meter"
    return row["field"], f"names an unknown {noun}: {row['word'][:60]!r}"


def _too_late(row: RowMapping) -> tuple[str, str]:
    closed = f"{row['cutoff']:%Y-%m-%d}"
    return "event_time", f"is in {row['period']}, closed on {closed}, too long ago to be billed without a person's word"


def _told_differently(row: RowMapping) -> tuple[str, str]:
    return told_differently(Told(row["event_time"], row["tenant_id"], row["meter"], row["quantity"]))
