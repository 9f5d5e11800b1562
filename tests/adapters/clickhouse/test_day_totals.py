"""Days add up to the same totals wherever the events live: one contract for Postgres and ClickHouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine as Database

from activities.usage import UsageTotals
from adapters.postgres.stored_usage import StoredUsage
from tests.adapters.clickhouse.server import Engine
from tests.adapters.postgres.usage_intake.collector import Collector, Event, event

Store = Callable[[Sequence[Event]], UsageTotals]


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[object]:
    chdb = pytest.importorskip("chdb", reason="chdb is not installed: pip install -r requirements-clickhouse.lock")
    session = chdb.session.Session()
    yield session
    session.close()


@pytest.fixture(params=["postgres", "clickhouse"])
def store(request: pytest.FixtureRequest, engine: Database, tmp_path: Path) -> Store:
    """A store that is filled with events."""
    collector = Collector(engine, tmp_path)
    for tenant_id in ("other", "absent"):
        collector.tenant(tenant_id)

    def in_postgres(events: Sequence[Event]) -> UsageTotals:
        collector.sends(*events)
        return StoredUsage(engine)

    def in_clickhouse(events: Sequence[Event]) -> UsageTotals:
        store = Engine(request.getfixturevalue("clickhouse"))
        store.holds(events)
        return store.usage()

    return in_postgres if request.param == "postgres" else in_clickhouse


def told(
    totals: UsageTotals, zone: str, tenants: list[str], first: date, end: date
) -> list[tuple[str, str, str, Decimal, int]]:
    return [
        (day.tenant_id, day.meter, str(day.day), day.quantity, day.events)
        for day in totals.day_totals(zone, tenants, first, end)
    ]


def test_days_are_those_of_the_tenants_zone_half_open(store: Store) -> None:
    totals = store(
        [
            event(1, event_time="2026-11-10T04:59:59.999999Z"),
            event(2, event_time="2026-11-10T05:00:00Z", quantity="0.000001"),
            event(3, event_time="2026-11-11T04:59:59.999999Z", quantity="123456789012345678.123456"),
            event(4, event_time="2026-11-11T05:00:00Z"),
        ]
    )

    found = told(totals, "America/New_York", ["acme"], date(2026, 11, 10), date(2026, 11, 11))

    assert found == [("acme", "api_calls", "2026-11-10", Decimal("123456789012345678.123457"), 2)]


def test_totals_come_by_tenant_meter_and_day_of_the_asked_tenants_only(store: Store) -> None:
    totals = store(
        [
            event(1, tenant_id="other", meter="tokens"),
            event(2, tenant_id="other"),
            event(3, event_time="2026-11-09T12:00:00Z"),
            event(4),
            event(5, quantity="1"),
        ]
    )

    both = told(totals, "UTC", ["other", "acme", "absent"], date(2026, 11, 1), date(2026, 12, 1))
    one = told(totals, "UTC", ["other"], date(2026, 11, 1), date(2026, 12, 1))

    assert both == [
        ("acme", "api_calls", "2026-11-09", Decimal("2.5"), 1),
        ("acme", "api_calls", "2026-11-10", Decimal("3.5"), 2),
        ("other", "api_calls", "2026-11-10", Decimal("2.5"), 1),
        ("other", "tokens", "2026-11-10", Decimal("2.5"), 1),
    ]
    assert one == both[2:]


def test_an_event_that_was_sent_twice_counts_once(store: Store) -> None:
    totals = store([event(1), event(1)])

    found = told(totals, "UTC", ["acme"], date(2026, 11, 10), date(2026, 11, 11))

    assert found == [("acme", "api_calls", "2026-11-10", Decimal("2.5"), 1)]


# Beyond the end of daylight saving time: a day of 25 hours, midnight that comes twice, and a day that begins at one.
@pytest.mark.parametrize(
    ("zone", "day", "moments"),
    [
        ("America/New_York", date(2026, 11, 1), ("2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z")),
        ("America/Havana", date(2026, 11, 1), ("2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z", "2026-11-02T04:59:59Z")),
        ("Asia/Beirut", date(2026, 3, 29), ("2026-03-28T22:00:00Z", "2026-03-29T20:59:59Z")),
    ],
)
def test_a_day_is_as_long_as_the_clock_makes_it(store: Store, zone: str, day: date, moments: tuple[str, ...]) -> None:
    totals = store([event(number, event_time=moment) for number, moment in enumerate(moments, start=1)])

    found = told(totals, zone, ["acme"], day, date.fromordinal(day.toordinal() + 1))

    assert [(one[2], one[4]) for one in found] == [(str(day), len(moments))]


def test_words_that_look_like_statements_are_words(store: Store) -> None:
    totals = store([event(1)])

    found = told(totals, "UTC", ["acme') or ('1'='1", "\\", "acme"], date(2026, 11, 10), date(2026, 11, 11))

    assert [one[0] for one in found] == ["acme"]
