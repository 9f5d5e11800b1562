"""Daily usage by tenant and meter: brought up to date from what loads touched, made anew for a range, held to the events.

Each day is read along the covering index of the events, between the tenant's own midnights. A tenant is rolled up by one
session at a time; whoever finds one taken goes on with the others and comes back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy import Connection, Engine, TextClause, text

from activities.ports import Heartbeat
from adapters.postgres.engine import transaction
from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.local_days import local_days
from adapters.postgres.rollup_findings import compare
from billing.rollups import RollUpFinding
from billing.wording import counted

# A transaction rolls up so many tenants: short enough that nobody waits long for it.
TENANTS_AT_ONCE = 250

# The first key of the two that tell these advisory locks from others.
_LOCK_SPACE = 7_246_114

_PATIENCE = text("""
    select set_config('statement_timeout', '5min', true), set_config('work_mem', '64MB', true),
        set_config('jit', 'off', true)
""")

_TOUCHED = text("select distinct tenant_id from rollup_dirty where tenant_id > :after order by tenant_id limit :count")
_EVERYBODY = text("select tenant_id from tenants where tenant_id > :after order by tenant_id limit :count")

_TAKE_FREE = text("""
    select tenant_id from unnest(cast(:tenants as text[])) as tenant_id
    where pg_try_advisory_xact_lock(:space, hashtext(tenant_id))
""")
# In the order of the locks, so that two who wait never wait for each other.
_TAKE = text("""
    select pg_advisory_xact_lock(:space, key)
    from (select distinct hashtext(tenant_id) as key from unnest(cast(:tenants as text[])) as tenant_id order by key) as keys
""")

_DUE = text("""
    create temporary table if not exists due (tenant_id text not null, meter text not null, day date not null)
    on commit delete rows
""")
_DUE_BY_MARK = text("""
    with marked as (
        delete from rollup_dirty where tenant_id = any(cast(:tenants as text[])) returning tenant_id, meter, day
    )
    insert into due select distinct tenant_id, meter, day from marked
""")
# The days of every meter that the tenant used in the range or was rolled up for.
_DUE_BY_RANGE = text("""
    insert into due
    select tenant_id, meter, cast(day as date)
    from unnest(cast(:tenants as text[])) as tenant_id cross join meters
        cross join generate_series(
            cast(:first as timestamp), cast(:end as timestamp) - interval '1 day', interval '1 day'
        ) as day
    where exists (
        select from usage_events as event
        where event.tenant_id = tenant_id.tenant_id and event.meter = meters.meter
            and event_time >= cast(:first as timestamptz) - interval '1 day'
            and event_time < cast(:end as timestamptz) + interval '1 day'
    ) or exists (
        select from usage_daily as rolled
        where rolled.tenant_id = tenant_id.tenant_id and rolled.meter = meters.meter
            and rolled.day >= :first and rolled.day < :end
    )
""")
_DAYS_DUE = text("select distinct zone, day from due join tenants using (tenant_id)")

# A day without events is kept only where there was a roll-up before, which now says zero.
_ROLL_UP = text("""
    insert into usage_daily as rolled (tenant_id, meter, day, quantity, events, window_start, window_end, computed_at)
    select tenant_id, meter, day, total.quantity, total.events, starts, ends, :now
    from (
        select tenant_id, meter, due.day, starts, ends
        from due join tenants using (tenant_id) join unnest(
            cast(:zones as text[]), cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[])
        ) as local_day(zone, day, starts, ends) on local_day.zone = tenants.zone and local_day.day = due.day
        offset 0
    ) as span
    cross join lateral (
        select coalesce(sum(quantity), 0) as quantity, count(*) as events from usage_events as event
        where event.tenant_id = span.tenant_id and event.meter = span.meter
            and event_time >= starts and event_time < ends
    ) as total
    where total.events > 0 or exists (
        select from usage_daily as before
        where before.tenant_id = span.tenant_id and before.meter = span.meter and before.day = span.day
    )
    order by tenant_id, meter, day
    on conflict (tenant_id, meter, day) do update
    set quantity = excluded.quantity, events = excluded.events, computed_at = excluded.computed_at,
        window_start = excluded.window_start, window_end = excluded.window_end
""")


class PostgresRollUps:
    """Satisfies `RollUps` over the raw events in Postgres."""

    def __init__(self, engine: Engine, now: Callable[[], datetime], *, tenants_at_once: int = TENANTS_AT_ONCE) -> None:
        self._engine = engine
        self._now = now
        self._at_once = tenants_at_once

    def bring_up_to_date(self, heartbeat: Heartbeat) -> int:
        """Everything that was touched before the call is rolled up when it returns, also by others meanwhile."""
        made, after, taken_by_others = 0, "", list[str]()
        with Pulse(heartbeat) as pulse:
            pulse.note("looking for days to roll up")
            while touched := self._page(_TOUCHED, after):
                with self._patiently() as connection:
                    asked = {"tenants": touched, "space": _LOCK_SPACE}
                    free = list(connection.execute(_TAKE_FREE, asked).scalars())
                    made += self._roll_up_marked(connection, free)
                taken_by_others += sorted(set(touched) - set(free))
                after = touched[-1]
                pulse.note(f"rolled up {counted(made, 'day')}")
            for tenants in _chunks(taken_by_others, self._at_once):
                with self._patiently() as connection:
                    connection.execute(_TAKE, {"tenants": tenants, "space": _LOCK_SPACE})
                    made += self._roll_up_marked(connection, tenants)
                pulse.note(f"rolled up {counted(made, 'day')}")
        return made

    def rebuild(self, first: date, end: date, heartbeat: Heartbeat) -> int:
        """Marks of the days stay: what they are about may have come after this was read."""
        made, after = 0, ""
        with Pulse(heartbeat) as pulse:
            pulse.note(f"making the roll-ups from {first} to {end} anew")
            while tenants := self._page(_EVERYBODY, after):
                with self._patiently() as connection:
                    connection.execute(_TAKE, {"tenants": tenants, "space": _LOCK_SPACE})
                    connection.execute(_DUE)
                    connection.execute(_DUE_BY_RANGE, {"tenants": tenants, "first": first, "end": end})
                    made += self._roll_up_due(connection)
                after = tenants[-1]
                pulse.note(f"rolled up {counted(made, 'day')}")
        return made

    def validate(self, first: date, end: date, heartbeat: Heartbeat) -> tuple[RollUpFinding, ...]:
        """Days that wait to be rolled up are left out: nobody says of them that they are right."""
        with Pulse(heartbeat) as pulse:
            return compare(self._engine, first, end, self._now(), pulse)

    def _roll_up_marked(self, connection: Connection, tenants: Sequence[str]) -> int:
        if not tenants:
            return 0
        connection.execute(_DUE)
        connection.execute(_DUE_BY_MARK, {"tenants": tenants})
        # A statement later, so that it sees whatever those marks were left for.
        return self._roll_up_due(connection)

    def _roll_up_due(self, connection: Connection) -> int:
        due = connection.execute(_DAYS_DUE).all()
        if not due:
            return 0
        windows = local_days((row.zone, row.day) for row in due)
        return connection.execute(_ROLL_UP, windows | {"now": self._now()}).rowcount

    def _page(self, statement: TextClause, after: str) -> list[str]:
        with transaction(self._engine) as connection:
            return list(connection.execute(statement, {"after": after, "count": self._at_once}).scalars())

    @contextmanager
    def _patiently(self) -> Iterator[Connection]:
        with transaction(self._engine) as connection:
            connection.execute(_PATIENCE)
            yield connection


def _chunks(tenants: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(tenants), size):
        yield tenants[start : start + size]
