"""Roll-ups held against the raw events: days on which they disagree are findings, open until they agree again (D14)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from adapters.postgres.engine import transaction
from adapters.postgres.evidence.collection import snapshot
from adapters.postgres.evidence.pulse import Pulse
from billing.failures import BillingFailure, FailureCode
from billing.rollups import RollUpFinding

# The events are grouped so many days at a time: the groups then fit into memory for tens of thousands of tenants.
DAYS_AT_ONCE = 7

_FOUND = text("""
    create temporary table if not exists found (
        tenant_id text not null, meter text not null, day date not null, raw_quantity numeric not null,
        rolled_quantity numeric not null, raw_events bigint not null, rolled_events bigint not null
    ) on commit delete rows
""")

# An event's day is read off its own clock here, while a roll-up reads between midnights: two ways to one figure.
_COMPARE = text("""
    insert into found
    select tenant_id, meter, day, coalesce(raw.quantity, 0), coalesce(rolled.quantity, 0), coalesce(raw.events, 0),
        coalesce(rolled.events, 0)
    from (
        select tenant_id, meter, day, sum(quantity) as quantity, count(*) as events
        from (
            select tenant_id, meter, quantity, cast(event_time at time zone coalesce(zone, 'UTC') as date) as day
            from usage_events left join tenants using (tenant_id)
            where event_time >= cast(:first as timestamptz) - interval '1 day'
                and event_time < cast(:end as timestamptz) + interval '1 day'
        ) as dated
        where day >= :first and day < :end
        group by tenant_id, meter, day
    ) as raw full join (
        select * from usage_daily where day >= :first and day < :end
    ) as rolled using (tenant_id, meter, day)
    where (coalesce(raw.quantity, 0), coalesce(raw.events, 0))
        <> (coalesce(rolled.quantity, 0), coalesce(rolled.events, 0))
""")

_LEAVE_WAITING_OUT = text("""
    delete from found where exists (
        select from rollup_dirty as marked
        where marked.tenant_id = found.tenant_id and marked.meter = found.meter and marked.day = found.day
    )
""")

_RECORD = text("""
    insert into rollup_findings as open (
        tenant_id, meter, day, raw_quantity, rolled_quantity, raw_events, rolled_events, found_at
    )
    select tenant_id, meter, day, raw_quantity, rolled_quantity, raw_events, rolled_events, :now from found
    order by tenant_id, meter, day
    on conflict (tenant_id, meter, day) where resolved_at is null do update
    set raw_quantity = excluded.raw_quantity, rolled_quantity = excluded.rolled_quantity,
        raw_events = excluded.raw_events, rolled_events = excluded.rolled_events
""")

_RESOLVE = text("""
    update rollup_findings as finding set resolved_at = :now
    where resolved_at is null and day >= :first and day < :end and not exists (
        select from found
        where found.tenant_id = finding.tenant_id and found.meter = finding.meter and found.day = finding.day
    ) and not exists (
        select from rollup_dirty as marked
        where marked.tenant_id = finding.tenant_id and marked.meter = finding.meter and marked.day = finding.day
    )
""")

_COLUMNS = "tenant_id, meter, day, raw_quantity, rolled_quantity, raw_events, rolled_events"
_READ = text(f"select {_COLUMNS} from found order by tenant_id, meter, day")  # noqa: S608 - our own columns
_OPEN = text(f"""
    select {_COLUMNS} from rollup_findings where resolved_at is null order by day, tenant_id, meter limit :limit
""")  # noqa: S608 - our own columns


def compare(engine: Engine, first: date, end: date, now: datetime, pulse: Pulse) -> tuple[RollUpFinding, ...]:
    """Compare the local days `[first, end)` on one snapshot, record what disagrees and resolve what agrees again."""
    if end <= first:
        raise BillingFailure(FailureCode.INVALID, f"days from {first} to {end}: the end must be after the beginning")
    with snapshot(engine) as connection:
        open_comparison(connection)
        for start in range(0, (end - first).days, DAYS_AT_ONCE):
            week = first + timedelta(days=start)
            until = min(end, week + timedelta(days=DAYS_AT_ONCE))
            pulse.note(f"comparing the days from {week} on")
            connection.execute(_COMPARE, {"first": week, "end": until})
        connection.execute(_LEAVE_WAITING_OUT)
        return settled(connection, first, end, now)


def open_comparison(connection: Connection) -> None:
    """Make the table `found` that a comparison fills, for the length of the transaction."""
    connection.execute(_FOUND)


def settled(connection: Connection, first: date, end: date, now: datetime) -> tuple[RollUpFinding, ...]:
    """Put what was `found` on record, resolve the findings of these days that were not found again, and answer it all."""
    connection.execute(_RESOLVE, {"first": first, "end": end, "now": now})
    connection.execute(_RECORD, {"now": now})
    return tuple(RollUpFinding.model_validate(dict(row)) for row in connection.execute(_READ).mappings())


def open_findings(engine: Engine, limit: int) -> tuple[RollUpFinding, ...]:
    """What disagreed and has not agreed since, the oldest days first."""
    with transaction(engine) as connection:
        rows = connection.execute(_OPEN, {"limit": limit}).mappings()
        return tuple(RollUpFinding.model_validate(dict(row)) for row in rows)
