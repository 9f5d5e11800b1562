"""Duplicates, missing and misdated events: each planted one is found, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from billing.disputes import Category
from billing.evidence import Misdating
from tests.adapters.evidence.world import World, new_id

WorldIn = Callable[[str], World]


def test_clean_usage_has_no_findings_in_it(world: World) -> None:
    for hour in ("2026-10-01 00:00", "2026-10-14 12:00", "2026-10-31 23:59:59.999999"):
        world.call(hour)
    world.roll_up_month()

    facts = world.facts()

    assert (facts.duplicates, facts.missing, facts.misdated) == ((), (), ())


def test_each_repetition_beyond_the_first_is_a_duplicate(world: World) -> None:
    twice, thrice = world.call("2026-10-05 10:00", "2.5"), world.call("2026-10-06 10:00", "4")
    copies = [*world.again(twice), *world.again(thrice, times=2)]

    (duplicates,) = world.facts().duplicates

    assert duplicates.quantity == Decimal("10.5")
    assert duplicates.rows.count == 3
    assert duplicates.rows.sample == tuple(str(copy) for copy in copies)


@pytest.mark.parametrize(
    "difference",
    [
        {"quantity": "2"},
        {"event_time": "2026-10-05 10:00:00.000001+00:00"},
        {"trace_id": new_id()},
        {"meter": "tokens_in"},
        {"tenant_id": "other"},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_events_that_differ_in_anything_that_counts_are_no_duplicates(world: World, difference: dict[str, str]) -> None:
    trace = new_id()
    world.event("2026-10-05 10:00", trace_id=trace)
    if "event_time" in difference:
        difference = {"event_time": world.moment(difference["event_time"])}
    world.event("2026-10-05 10:00", **({"trace_id": trace} | difference))

    facts = world.facts(meters=("api_calls", "tokens_in"))

    assert facts.duplicates == ()


def test_duplicates_of_each_meter_are_told_apart_and_other_meters_left_alone(world: World) -> None:
    for meter in ("api_calls", "tokens_in", "tokens_out"):
        world.again(world.event("2026-10-05 10:00", "3", meter=meter))

    facts = world.facts(meters=("api_calls", "tokens_in"))

    assert [(found.meter, found.quantity) for found in facts.duplicates] == [("api_calls", 3), ("tokens_in", 3)]


def test_duplicates_outside_the_period_are_another_invoices_matter(world: World) -> None:
    for moment in ("2026-09-30 23:59:59", "2026-11-01 00:00"):
        world.again(world.event(moment))

    assert world.facts().duplicates == ()


def test_a_served_request_without_an_event_is_missing(world: World) -> None:
    world.call("2026-10-05 10:00")
    lost = [world.request("2026-10-05 11:00", "7"), world.request("2026-10-01 00:00", "5", status=302)]

    (missing,) = world.facts().missing

    assert (missing.quantity, missing.rows.count) == (12, 2)
    assert missing.rows.sample == tuple(str(trace) for trace in lost)


@pytest.mark.parametrize(
    ("at", "difference"),
    [
        ("2026-10-05 11:00", {"status": 400}),
        ("2026-10-05 11:00", {"status": 503}),
        ("2026-10-05 11:00", {"meter": None, "quantity": "0"}),
        ("2026-10-05 11:00", {"quantity": "0"}),
        ("2026-10-05 11:00", {"meter": "tokens_in"}),
        ("2026-10-05 11:00", {"tenant_id": "other"}),
        ("2026-09-30 23:59:59.999999", {}),
        ("2026-11-01 00:00", {}),
    ],
)
def test_a_request_that_should_not_count_is_not_missing(world: World, at: str, difference: dict[str, object]) -> None:
    world.request(at, **difference)

    assert world.facts().missing == ()


def test_an_event_of_another_meter_does_not_stand_in_for_a_missing_one(world: World) -> None:
    trace = world.request("2026-10-05 11:00")
    world.event("2026-10-05 11:00", meter="tokens_in", trace_id=trace)

    (missing,) = world.facts(meters=("api_calls", "tokens_in")).missing

    assert missing.meter == "api_calls"


def test_an_event_just_beyond_the_period_still_belongs_to_its_request(world: World) -> None:
    trace = world.request("2026-10-31 23:59:59")
    world.event("2026-11-01 00:00:01", trace_id=trace)

    assert world.facts().missing == ()


def test_windows_on_the_wrong_clock_move_events_over_both_edges(world_in: WorldIn) -> None:
    world = world_in("America/New_York")
    world.event("2026-09-30 23:30", "1")
    lost = world.event("2026-10-01 00:30", "10")
    world.event("2026-10-31 22:30", "100")
    taken = world.event("2026-11-01 00:30", "1000")
    world.event("2026-11-01 01:30", "10000")
    world.roll_up_month(clock="Etc/GMT+5")

    facts = world.facts()

    assert [(found.quantity, found.first_day, found.rows.sample) for found in facts.misdated] == [
        (1000, date(2026, 11, 1), (str(taken),)),
        (-10, date(2026, 10, 1), (str(lost),)),
    ]
    assert sum(total.rolled_up_quantity for total in facts.day_totals) == 110 + 1000 - 10


def test_one_week_on_winter_time_too_early_costs_an_hour_at_the_change_and_at_the_end(world_in: WorldIn) -> None:
    world = world_in("America/New_York")
    for moment in ("2026-10-25 00:15", "2026-10-27 00:15", "2026-11-01 00:15"):
        world.event(moment, "5")
    week = [f"2026-10-{day}" for day in range(25, 32)]
    world.roll_up(*(f"2026-10-{day:02}" for day in range(1, 25)))
    world.roll_up(*week, clock="Etc/GMT+5")

    facts = world.facts()

    assert [(found.quantity, found.first_day) for found in facts.misdated] == [
        (5, date(2026, 11, 1)),
        (-5, date(2026, 10, 25)),
    ]


def test_overlapping_windows_count_an_hour_twice(world_in: WorldIn) -> None:
    world = world_in("Europe/Berlin")
    world.event("2026-10-24 23:30", "8")
    world.roll_up(*(f"2026-10-{day:02}" for day in range(1, 25)))
    world.roll_up(*(f"2026-10-{day}" for day in range(25, 32)), clock="Etc/GMT-3")

    facts = world.facts()

    assert [(found.quantity, found.first_day, found.wrong) for found in facts.misdated] == [
        (8, date(2026, 10, 24), Misdating.TWICE)
    ]
    assert sum(total.windowed_quantity - total.raw_quantity for total in facts.day_totals) == 8


def test_a_day_that_was_never_rolled_up_is_not_a_matter_of_dates(world: World) -> None:
    world.event("2026-10-05 10:00", "8")
    world.roll_up("2026-10-04", "2026-10-06")

    facts = world.facts()

    assert facts.misdated == ()
    assert [(total.raw_quantity, total.windowed_quantity, total.rolled_up_quantity) for total in facts.day_totals] == [
        (0, 0, 0),
        (8, 0, 0),
        (0, 0, 0),
    ]


@pytest.mark.parametrize(
    ("category", "gathered"),
    [
        (Category.USAGE_CALCULATION, {"day_totals", "duplicates", "missing"}),
        (Category.UNAUTHORIZED_USAGE, {"day_totals", "key_usage"}),
        (Category.SERVICE_QUALITY, {"quality", "quality_overall"}),
        (Category.PRICING, {"day_totals"}),
    ],
)
def test_each_category_gathers_what_its_plan_needs(world: World, category: Category, gathered: set[str]) -> None:
    world.again(world.call("2026-10-05 10:00"))
    world.request("2026-10-05 11:00")

    facts = world.facts(category)

    assert {name for name, found in facts if found and name not in {"currency", "period"}} == gathered
