"""What the portal asks of the usage tables: along the index, a month at most, and not for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text

from adapters.postgres.engine import open_engine
from adapters.postgres.partitions import make_months
from adapters.postgres.usage_view import LONGEST_SPAN, ROUTES_MAX, Selection, UsageView
from billing.failures import BillingFailure
from billing.periods import Span

START = datetime(2026, 10, 1, tzinfo=UTC)
DAY = Span(start=START, end=START + timedelta(days=1))
HOURS = [Span(start=START + timedelta(hours=hour), end=START + timedelta(hours=hour + 1)) for hour in range(24)]
INDEX = "usage_events_y2026m10_tenant_id_meter_event_time"

# Forty tenants with 200 events each in October, one every 200 minutes, each on a route of its own.
_TRAFFIC = text("""
    insert into usage_events (event_id, tenant_id, event_time, meter, quantity, route, trace_id, api_key_id)
    select gen_random_uuid(), 'tenant-' || number % 40, timestamptz '2026-10-01 00:00Z' + number / 40 * interval '200 minutes',
        'api_calls', 1.5, '/v1/' || number / 40, gen_random_uuid(), 'key'
    from generate_series(0, 7999) as number
""")

NOBODY = UUID(int=0)

Read = Callable[[UsageView], object]
READS: dict[str, Read] = {
    "hours": lambda usage: usage.within("tenant-7", "api_calls", HOURS),
    "routes": lambda usage: usage.routes("tenant-7", "api_calls", DAY),
    "events": lambda usage: usage.events("tenant-7", "api_calls", Selection(DAY)),
    "events of a route": lambda usage: usage.events("tenant-7", "api_calls", Selection(DAY, "/v1/3", None)),
    "later events": lambda usage: usage.events(
        "tenant-7", "api_calls", Selection(DAY), after=(START + timedelta(hours=20), NOBODY)
    ),
}


@pytest.fixture
def busy(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        make_months(connection, date(2026, 9, 1), date(2026, 11, 1))
        connection.execute(_TRAFFIC)
        connection.execute(text("analyze usage_events"))
    yield engine
    engine.dispose()


def test_every_read_goes_along_the_tenants_index_of_one_month(busy: Engine) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(
        busy, "before_cursor_execute", lambda c, cursor, statement, values, *_: asked.append((statement, values))
    )
    plans = {}

    for name, read in READS.items():
        asked.clear()
        read(UsageView(busy))
        statement, values = asked[-1]
        with busy.connect() as connection, connection.connection.cursor() as cursor:
            cursor.execute(f"explain (analyze, timing off) {statement}", values)
            plans[name] = "\n".join(row[0] for row in cursor.fetchall() if "never executed" not in row[0])

    assert [name for name, plan in plans.items() if INDEX not in plan] == []
    assert [name for name, plan in plans.items() if "Seq Scan on usage_events" in plan] == []


def test_the_smaller_routes_are_counted_and_not_listed(busy: Engine) -> None:
    month = Span(start=START, end=START + timedelta(days=31))

    found = UsageView(busy).routes("tenant-7", "api_calls", month)

    assert (len(found.largest), found.more) == (ROUTES_MAX, 200 - ROUTES_MAX)


def test_no_read_is_longer_than_a_month(busy: Engine) -> None:
    usage, long = UsageView(busy), Span(start=START, end=START + LONGEST_SPAN + timedelta(seconds=1))
    reads: list[Callable[[], object]] = [
        lambda: usage.within("tenant-7", "api_calls", [long]),
        lambda: usage.routes("tenant-7", "api_calls", long),
        lambda: usage.events("tenant-7", "api_calls", Selection(long)),
    ]

    for read in reads:
        with pytest.raises(BillingFailure, match="ask for at most 31 days"):
            read()


def test_a_read_that_takes_too_long_is_stopped(busy: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = text("select pg_sleep(5)::text, :tenant, :not_in_force, :most")
    monkeypatch.setattr("adapters.postgres.usage_view._MONTHS", slow)
    monkeypatch.setattr("adapters.postgres.usage_view.SLOWEST_MS", 50)

    with pytest.raises(BillingFailure, match="statement timeout"):
        UsageView(busy).months("tenant-7")
