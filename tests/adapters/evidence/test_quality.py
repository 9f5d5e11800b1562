"""Service quality by the hour: requests, server errors, percentiles as measured values, and outages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from billing.disputes import Category
from billing.evidence import QualityWindow
from billing.periods import Span
from tests.adapters.evidence.world import World

WorldIn = Callable[[str], World]


def hour(*start: int, length: timedelta = timedelta(hours=1)) -> Span:
    begins = datetime(*start, tzinfo=UTC)  # type: ignore[misc, arg-type]
    return Span(start=begins, end=begins + length)


def measured(world: World, **differences: object) -> tuple[QualityWindow, ...]:
    return world.facts(Category.SERVICE_QUALITY, **differences).quality  # type: ignore[arg-type]


def test_each_hour_counts_its_requests_and_only_server_errors(world: World) -> None:
    for minute, status in enumerate((200, 302, 404, 429, 499, 500, 503)):
        world.request(f"2026-10-05 10:{minute:02}", status=status)
    world.request("2026-10-05 11:00")

    windows = measured(world)

    assert [(window.span, window.requests, window.errors) for window in windows] == [
        (hour(2026, 10, 5, 10), 7, 2),
        (hour(2026, 10, 5, 11), 1, 0),
    ]


def test_percentiles_are_latencies_that_were_really_measured(world: World) -> None:
    for number in range(1, 101):
        world.request(f"2026-10-05 10:{number % 60:02}", latency_ms=number * 10)

    (window,) = measured(world)

    assert (window.p50_ms, window.p95_ms, window.p99_ms) == (500, 950, 990)


def test_the_whole_period_is_measured_as_one(world: World) -> None:
    for day in (1, 15, 31):
        world.request(f"2026-10-{day:02} 10:00", latency_ms=day, status=500 if day == 15 else 200)

    whole = world.facts(Category.SERVICE_QUALITY).quality_overall

    assert whole == QualityWindow(
        span=hour(2026, 10, 1, length=timedelta(days=31)), requests=3, errors=1, p50_ms=15, p95_ms=31, p99_ms=31
    )


def test_requests_of_other_meters_tenants_and_periods_are_not_measured(world: World) -> None:
    world.request("2026-10-05 10:00", meter="tokens_in")
    world.request("2026-10-05 10:00", meter=None, quantity="0")
    world.request("2026-10-05 10:00", tenant_id="other")
    world.request("2026-09-30 23:59:59")
    world.request("2026-11-01 00:00")

    facts = world.facts(Category.SERVICE_QUALITY)

    assert (facts.quality, facts.quality_overall) == ((), None)


def test_hours_are_counted_from_the_tenants_midnight(world_in: WorldIn) -> None:
    world = world_in("Asia/Kolkata")
    world.request("2026-10-01 00:10")
    world.request("2026-10-01 00:50")

    (window,) = measured(world)

    assert (window.span, window.requests) == (hour(2026, 9, 30, 18, 30), 2)


def test_an_outage_marks_every_hour_it_touches_also_those_without_a_request(world: World) -> None:
    world.request("2026-10-05 09:59")
    world.request("2026-10-05 10:59")
    world.outage("2026-10-05 10:30", "2026-10-05 12:00")

    windows = measured(world)

    assert [(window.span.start.hour, window.requests, window.outage) for window in windows] == [
        (9, 1, False),
        (10, 1, True),
        (11, 0, True),
    ]


@pytest.mark.parametrize(
    ("outage", "touches"),
    [
        ({"meter": None}, True),
        ({"meter": "tokens_in"}, False),
        ({"route": "/v1/answers"}, True),
        ({"route": "/v1/other"}, False),
    ],
)
def test_an_outage_counts_for_the_meters_and_routes_it_is_about(
    world: World, outage: dict[str, str | None], touches: bool
) -> None:
    world.request("2026-10-05 10:10")
    world.outage("2026-10-05 10:00", "2026-10-05 11:00", **outage)

    (window,) = measured(world)

    assert window.outage is touches


def test_an_outage_is_cut_at_the_edges_of_the_period_and_may_still_go_on(world: World) -> None:
    world.outage("2026-09-30 20:00", "2026-10-01 01:00")
    world.outage("2026-10-31 23:15", None)
    world.outage("2026-11-02 00:00", None)

    assert [window.span for window in measured(world)] == [hour(2026, 10, 1, 0), hour(2026, 10, 31, 23)]
