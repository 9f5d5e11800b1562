"""Roll-ups of usage whose events live elsewhere: days are added up there and copied into the books."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from activities.ports import Heartbeat
from activities.usage import UsageTotals
from adapters.postgres.engine import driver_of, transaction
from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.local_days import local_days
from adapters.postgres.rollup_findings import open_comparison, settled
from billing.rollups import RollUpFinding
from billing.wording import counted

# What a share of tenants used in a month is held in memory for a moment.
TENANTS_AT_ONCE = 100

_TOLD = text("""
    create temporary table if not exists told (
        tenant_id text not null, meter text not null, day date not null, quantity numeric(24, 6) not null,
        events bigint not null
    ) on commit delete rows
""")
# The other store may take its time while a transaction waits.
_PATIENCE = text("""
    select set_config('statement_timeout', '5min', true), set_config('idle_in_transaction_session_timeout', '5min', true)
""")
_BY_ZONE = text(
    "select zone, array_agg(tenant_id order by tenant_id) as tenants from tenants group by zone order by zone"
)

# Days that were rolled up before and have no usage any more say zero.
_COPY = text("""
    insert into usage_daily as rolled (tenant_id, meter, day, quantity, events, window_start, window_end, computed_at)
    select tenant_id, meter, day, quantity, events, starts, ends, :now
    from (
        select * from told
        union all
        select tenant_id, meter, day, 0, 0 from usage_daily
        where tenant_id = any(cast(:tenants as text[])) and day >= :first and day < :end and not exists (
            select from told
            where told.tenant_id = usage_daily.tenant_id and told.meter = usage_daily.meter and told.day = usage_daily.day
        )
    ) as total
    join unnest(cast(:days as date[]), cast(:starts as timestamptz[]), cast(:ends as timestamptz[]))
        as local_day(day, starts, ends) using (day)
    on conflict (tenant_id, meter, day) do update
    set quantity = excluded.quantity, events = excluded.events, computed_at = excluded.computed_at,
        window_start = excluded.window_start, window_end = excluded.window_end
    where (rolled.quantity, rolled.events, rolled.window_start, rolled.window_end)
        is distinct from (excluded.quantity, excluded.events, excluded.window_start, excluded.window_end)
""")

_COMPARE = text("""
    insert into found
    select tenant_id, meter, day, coalesce(told.quantity, 0), coalesce(rolled.quantity, 0), coalesce(told.events, 0),
        coalesce(rolled.events, 0)
    from told full join (select * from usage_daily where day >= :first and day < :end) as rolled
        using (tenant_id, meter, day)
    where (coalesce(told.quantity, 0), coalesce(told.events, 0))
        <> (coalesce(rolled.quantity, 0), coalesce(rolled.events, 0))
""")


class CopiedRollUps:
    """Satisfies `RollUps` over the totals of another store. What was touched is not known here, so bringing up to date
    copies the last `days_back` days."""

    def __init__(self, engine: Engine, totals: UsageTotals, now: Callable[[], datetime], *, days_back: int) -> None:
        self._engine = engine
        self._totals = totals
        self._now = now
        self._days_back = days_back

    def bring_up_to_date(self, heartbeat: Heartbeat) -> int:
        """Answers how many days differed from what was copied before; the day after today has begun somewhere."""
        today = self._now().date()
        return self.rebuild(today - timedelta(days=self._days_back), today + timedelta(days=2), heartbeat)

    def rebuild(self, first: date, end: date, heartbeat: Heartbeat) -> int:
        made = 0
        with Pulse(heartbeat) as pulse:
            pulse.note(f"copying the days from {first} to {end}")
            for zone, tenants in self._shares():
                days = local_days((zone, first + timedelta(days=number)) for number in range((end - first).days))
                with self._telling(zone, tenants, first, end) as connection:
                    asked = {"tenants": tenants, "first": first, "end": end, "now": self._now()}
                    made += connection.execute(_COPY, days | asked).rowcount
                pulse.note(f"copied {counted(made, 'day')}")
        return made

    def validate(self, first: date, end: date, heartbeat: Heartbeat) -> tuple[RollUpFinding, ...]:
        """Hold the books against the other store's totals."""
        with Pulse(heartbeat) as pulse, transaction(self._engine) as connection:
            connection.execute(_PATIENCE)
            open_comparison(connection)
            connection.execute(_TOLD)
            for zone, tenants in self._shares():
                pulse.note(f"asking for the days of {counted(len(tenants), 'tenant')} in {zone}")
                self._tell(connection, zone, tenants, first, end)
            connection.execute(_COMPARE, {"first": first, "end": end})
            return settled(connection, first, end, self._now())

    @contextmanager
    def _telling(self, zone: str, tenants: Sequence[str], first: date, end: date) -> Iterator[Connection]:
        with transaction(self._engine) as connection:
            connection.execute(_PATIENCE)
            connection.execute(_TOLD)
            self._tell(connection, zone, tenants, first, end)
            yield connection

    def _tell(self, connection: Connection, zone: str, tenants: Sequence[str], first: date, end: date) -> None:
        totals = list(self._totals.day_totals(zone, tenants, first, end))
        statement = b"copy told (tenant_id, meter, day, quantity, events) from stdin (format binary)"
        with driver_of(connection).cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(["text", "text", "date", "numeric", "int8"])
            for total in totals:
                copy.write_row((total.tenant_id, total.meter, total.day, total.quantity, total.events))

    def _shares(self) -> Iterator[tuple[str, list[str]]]:
        """Every tenant, some hundred of a zone at a time."""
        with transaction(self._engine) as connection:
            zones = connection.execute(_BY_ZONE).all()
        for zone, tenants in zones:
            for start in range(0, len(tenants), TENANTS_AT_ONCE):
                yield zone, tenants[start : start + TENANTS_AT_ONCE]
