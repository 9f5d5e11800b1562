"""Daily totals in the tenant's zone: half-open days of 23, 24 and 25 hours, and what the roll-up made of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from billing.evidence import DayTotal
from tests.adapters.evidence.world import World

WorldIn = Callable[[str], World]


def total(day: str, raw: str, windowed: str, stored: str, events: int = 1, meter: str = "api_calls") -> DayTotal:
    return DayTotal(
        day=date.fromisoformat(day),
        meter=meter,
        raw_quantity=Decimal(raw),
        raw_events=events,
        windowed_quantity=Decimal(windowed),
        rolled_up_quantity=Decimal(stored),
    )


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "Asia/Kolkata"])
def test_the_period_is_half_open_in_the_tenants_zone(world_in: WorldIn, zone: str) -> None:
    world = world_in(zone)
    world.event("2026-09-30 23:59:59.999999", "1")
    world.event("2026-10-01 00:00", "10")
    world.event("2026-10-31 23:59:59.999999", "100")
    world.event("2026-11-01 00:00", "1000")

    facts = world.facts()

    assert facts.day_totals == (total("2026-10-01", "10", "0", "0"), total("2026-10-31", "100", "0", "0"))


@pytest.mark.parametrize(
    ("zone", "period", "change", "hours"),
    [
        ("Europe/Berlin", "2026-10", "2026-10-25", 25),
        ("Europe/Berlin", "2026-03", "2026-03-29", 23),
        ("America/New_York", "2026-11", "2026-11-01", 25),
        ("America/New_York", "2026-03", "2026-03-08", 23),
        ("Asia/Tokyo", "2026-10", "2026-10-25", 24),
        ("America/Havana", "2026-11", "2026-11-01", 25),
    ],
)
def test_a_day_on_which_the_clocks_change_keeps_all_of_its_hours(
    world_in: WorldIn, zone: str, period: str, change: str, hours: int
) -> None:
    world = world_in(zone)
    changed_on = date.fromisoformat(change)
    world.open_months(changed_on - timedelta(days=31), changed_on + timedelta(days=31))
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            """insert into usage_events
            select gen_random_uuid(), 'acme', hour, 'api_calls', 1, '/v1', null, null, gen_random_uuid(), 'key-1'
            from generate_series(cast(%s as timestamptz) - interval '3 days', cast(%s as timestamptz) + interval '3 days',
                interval '1 hour') as hour""",
            (change, change),
        )
    world.roll_up(change)

    facts = world.facts(period=period)

    (changed,) = [found for found in facts.day_totals if found.day == changed_on]
    assert changed == total(change, str(hours), str(hours), str(hours), events=hours)


def test_the_window_that_was_read_is_told_apart_from_the_day(world_in: WorldIn) -> None:
    world = world_in("America/New_York")
    world.event("2026-10-12 00:30", "10")
    world.event("2026-10-12 12:00", "100")
    world.event("2026-10-13 00:30", "1000")
    world.roll_up("2026-10-12", clock="Etc/GMT+5", excess="3")

    facts = world.facts()

    assert facts.day_totals == (
        total("2026-10-12", "110", "1100", "1103", events=2),
        total("2026-10-13", "1000", "0", "0"),
    )


def test_only_the_disputed_meters_of_the_tenant_are_added_up(world: World) -> None:
    for meter in ("api_calls", "tokens_in", "tokens_out"):
        world.event("2026-10-12 12:00", "2", meter=meter)
        world.roll_up("2026-10-12", meter=meter)
    world.event("2026-10-12 12:00", "50", tenant_id="other")
    world.roll_up("2026-10-12", tenant_id="other")

    facts = world.facts(meters=("api_calls", "tokens_in"))

    assert facts.day_totals == (
        total("2026-10-12", "2", "2", "2"),
        total("2026-10-12", "2", "2", "2", meter="tokens_in"),
    )


def test_the_roll_up_is_made_anew_beside_the_stored_one(world: World) -> None:
    world.event("2026-10-12 12:00", "2.25")
    world.event("2026-10-12 13:00", "1")
    world.roll_up("2026-10-12", excess="0.5")

    pack = world.collect()

    assert world.table(pack, "rollup.csv") == [
        {
            "day": "2026-10-12",
            "meter": "api_calls",
            "calculated_total": "3.250000",
            "stored_total": "3.750000",
            "events": "2",
        }
    ]
