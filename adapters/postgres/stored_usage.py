"""Usage as it is stored, for those who watch over it: days added up, ids that repeat, rows that wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from sqlalchemy import Engine, func, select, text

from adapters.postgres.engine import transaction
from adapters.postgres.evidence.collection import snapshot
from adapters.postgres.local_days import local_days
from adapters.postgres.tables import usage_quarantine
from billing.usage import QuarantineState, RepeatedEvent, UsageDay

_DAY_TOTALS = text("""
    select tenant_id, meters.meter, local_day.day, total.quantity, total.events
    from unnest(cast(:tenants as text[])) as tenant_id cross join meters
    cross join unnest(cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
        as local_day(day, starts, ends)
    cross join lateral (
        select coalesce(sum(quantity), 0) as quantity, count(*) as events from usage_events as event
        where event.tenant_id = tenant_id.tenant_id and event.meter = meters.meter
            and event_time >= starts and event_time < ends
    ) as total
    where total.events > 0
    order by tenant_id, meter, day
""")

_REPEATED = text("""
    select event_id, min(tenant_id) as tenant_id, min(meter) as meter, array_agg(event_time order by event_time) as times,
        count(*) over () as in_all
    from usage_events where event_time >= :first and event_time < :end
    group by event_id having count(*) > 1
    order by event_id limit :limit
""")


class StoredUsage:
    """Satisfies `UsageTotals` and `UsageWatch`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def day_totals(self, zone: str, tenants: Sequence[str], first: date, end: date) -> Iterator[UsageDay]:
        days = local_days((zone, first + timedelta(days=number)) for number in range((end - first).days))
        with snapshot(self._engine) as connection:
            for row in connection.execute(_DAY_TOTALS, {"tenants": list(tenants)} | days).mappings():
                yield UsageDay.model_validate(dict(row))

    def repeated(self, first: date, end: date, limit: int) -> tuple[int, tuple[RepeatedEvent, ...]]:
        """A load sees an id that comes with two times only within a block of its own; here all that is stored is looked
        through."""
        with snapshot(self._engine) as connection:
            asked = {"first": first, "end": end, "limit": limit}
            rows = connection.execute(_REPEATED, asked).mappings().all()
        events = [RepeatedEvent.model_validate({**row, "event_id": str(row["event_id"])}) for row in rows]
        return (rows[0]["in_all"] if rows else 0), tuple(events)

    def waiting(self) -> int:
        """How many rows are in quarantine that nobody has released or discarded yet."""
        held = select(func.count()).select_from(usage_quarantine)
        with transaction(self._engine) as connection:
            return connection.execute(held.where(usage_quarantine.c.state == QuarantineState.HELD)).scalar_one()
