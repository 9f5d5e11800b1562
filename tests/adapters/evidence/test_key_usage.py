"""Key usage: who used which key from where, how unlike the key's own past that was, and which rows say so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.disputes import Category
from billing.evidence import KeyUsage
from billing.periods import Span
from tests.adapters.evidence.world import OFFICE, World

WorldIn = Callable[[str], World]
STRANGE = "203.0.113.0/24"


def used(world: World) -> list[KeyUsage]:
    return list(world.facts(Category.UNAUTHORIZED_USAGE).key_usage)


def test_usage_is_split_by_key_and_network(world: World) -> None:
    world.call("2026-10-05 10:00", "1")
    world.call("2026-10-06 10:00", "2")
    world.call("2026-10-05 10:00", "10", network=STRANGE)
    world.call("2026-10-05 10:00", "100", key="key-2")

    found = used(world)

    assert [(usage.api_key_id, usage.network, usage.quantity, usage.rows.count) for usage in found] == [
        ("key-1", OFFICE, 3, 2),
        ("key-1", STRANGE, 10, 1),
        ("key-2", OFFICE, 100, 1),
    ]


def test_an_event_whose_request_was_not_logged_has_an_unknown_network(world: World) -> None:
    world.call("2026-09-20 10:00")
    world.event("2026-10-05 10:00", "4")

    (usage,) = used(world)

    assert (usage.network, usage.quantity, usage.first_seen_network) == ("unknown", 4, False)


def test_a_request_that_was_logged_twice_counts_its_event_once(world: World) -> None:
    trace = world.request("2026-10-05 10:00")
    world.request("2026-10-05 10:01", trace_id=trace, network=STRANGE)
    world.event("2026-10-05 10:00", "4", trace_id=trace)

    (usage,) = used(world)

    assert (usage.network, usage.quantity) == (OFFICE, 4)


def test_the_baseline_is_the_keys_ordinary_day_over_the_trailing_28(world: World) -> None:
    world.call("2026-09-02 23:59", "9999")
    world.call("2026-09-03 00:00", "28")
    world.call("2026-09-30 23:59", "14", network=STRANGE)
    world.call("2026-09-15 12:00", "777", key="key-2")
    world.call("2026-10-05 10:00", "60")
    world.call("2026-10-05 11:00", "40")
    world.call("2026-10-06 10:00", "30")

    (usage,) = used(world)

    assert (usage.baseline_daily_quantity, usage.peak_daily_quantity) == (Decimal("1.5"), 100)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Tokyo"])
def test_off_hours_are_the_night_where_the_tenant_lives(world_in: WorldIn, zone: str) -> None:
    world = world_in(zone)
    for at, quantity in (("21:59", "1"), ("22:00", "20"), ("03:00", "30"), ("05:59", "10"), ("06:00", "39")):
        world.call(f"2026-10-26 {at}", quantity)

    (usage,) = used(world)

    assert usage.off_hours_share == Decimal("0.6")


def test_a_network_is_new_when_neither_requests_nor_logins_came_from_it_before(world: World) -> None:
    world.call("2026-09-20 10:00")
    world.authentication("2026-05-01 10:00", succeeded=True, network="192.0.2.0/28")
    world.authentication("2026-09-30 10:00", succeeded=False, network=STRANGE)
    for network in (OFFICE, "192.0.2.0/28", STRANGE):
        world.call("2026-10-05 10:00", network=network)

    assert {usage.network: usage.first_seen_network for usage in used(world)} == {
        OFFICE: False,
        "192.0.2.0/28": False,
        STRANGE: True,
    }


def test_without_a_logged_past_no_network_can_be_called_new(world: World) -> None:
    world.call("2026-10-05 10:00", network=STRANGE)

    (usage,) = used(world)

    assert not usage.first_seen_network


def test_failed_authentications_count_for_their_key_network_and_period(world: World) -> None:
    world.call("2026-10-05 10:00", network=STRANGE)
    for at in ("2026-09-30 23:59:59", "2026-10-01 00:00", "2026-10-31 23:59:59", "2026-11-01 00:00"):
        world.authentication(at, succeeded=False, network=STRANGE)
    world.authentication("2026-10-05 10:00", succeeded=True, network=STRANGE)
    world.authentication("2026-10-05 10:00", succeeded=False, network=OFFICE)
    world.authentication("2026-10-05 10:00", succeeded=False, key="key-2", network=STRANGE)

    (usage,) = used(world)

    assert usage.failed_authentications == 2


def test_a_reported_key_and_the_span_of_its_use_are_told(world: World) -> None:
    world.call("2026-10-05 10:00")
    world.call("2026-10-07 11:30")
    world.call("2026-10-07 11:30", key="key-2")
    world.reported("key-1", "2026-10-08 09:00")

    found = used(world)

    assert [(usage.api_key_id, usage.reported_compromised) for usage in found] == [("key-1", True), ("key-2", False)]
    assert found[0].active == Span(
        start=datetime(2026, 10, 5, 10, tzinfo=UTC), end=datetime(2026, 10, 7, 11, 30, 0, 1, tzinfo=UTC)
    )
