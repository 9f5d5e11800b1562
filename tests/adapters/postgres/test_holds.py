"""Holds: anybody's work stops at them until somebody says why it may go on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from adapters.postgres.holds import PostgresHolds
from billing.failures import BillingFailure, FailureCode
from billing.holds import HeldEffect, HoldOrder
from tests.adapters.postgres.company import Company

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=2)


@pytest.fixture
def holds(company: Company, engine: Engine) -> PostgresHolds:
    """An empty list of holds in Acme's books."""
    return PostgresHolds(engine)


def ordered(**cover: str) -> HoldOrder:
    return HoldOrder(effect=HeldEffect.INVOICING, reason="usage is being repaired", by="lead-1@ops.example", **cover)


@pytest.mark.parametrize("cover", [{}, {"tenant_id": "acme"}, {"meter": "api_calls"}])
def test_a_hold_is_in_force_until_it_is_released(holds: PostgresHolds, cover: dict[str, str]) -> None:
    placed = holds.place(ordered(**cover), NOON)
    listed = holds.in_force()
    released = holds.release(placed.hold_id, "finance-1@ops.example", "repaired", LATER)

    assert listed == (placed,)
    assert (placed.placed_at, placed.placed_by, placed.in_force) == (NOON, "lead-1@ops.example", True)
    assert (released.released_at, released.released_by, released.release_reason) == (
        LATER,
        "finance-1@ops.example",
        "repaired",
    )
    assert holds.in_force() == ()


def test_the_same_cover_is_held_once_whoever_asks_at_the_same_moment(holds: PostgresHolds) -> None:
    with ThreadPoolExecutor(8) as people:
        placed = set(people.map(lambda _: holds.place(ordered(tenant_id="acme"), NOON).hold_id, range(16)))

    assert placed == {"hold-1"}


def test_what_was_released_can_be_held_again(holds: PostgresHolds) -> None:
    first = holds.place(ordered(), NOON)
    holds.release(first.hold_id, "lead-1@ops.example", "looked fine", NOON)

    second = holds.place(ordered(), LATER)

    assert holds.in_force() == (second,)
    assert second.hold_id == "hold-2"


def test_releasing_twice_answers_the_first_release(holds: PostgresHolds) -> None:
    hold_id = holds.place(ordered(), NOON).hold_id
    first = holds.release(hold_id, "lead-1@ops.example", "repaired", LATER)

    second = holds.release(hold_id, "vp-1@ops.example", "late to it", LATER + timedelta(days=1))

    assert second == first


def test_holds_are_listed_by_what_they_stop_the_oldest_first(holds: PostgresHolds) -> None:
    mail = holds.place(ordered().model_copy(update={"effect": HeldEffect.INVOICE_DELIVERY}), LATER)
    bills = holds.place(ordered(), NOON)

    assert holds.in_force() == (bills, mail)
    assert holds.in_force(HeldEffect.INVOICE_DELIVERY) == (mail,)


@pytest.mark.parametrize(
    ("cover", "named"), [({"tenant_id": "nobody"}, "tenant nobody"), ({"meter": "steps"}, "meter steps")]
)
def test_a_hold_on_nothing_known_is_refused(holds: PostgresHolds, cover: dict[str, str], named: str) -> None:
    with pytest.raises(BillingFailure, match=named) as refused:
        holds.place(ordered(**cover), NOON)

    assert refused.value.code is FailureCode.NOT_FOUND
    assert holds.in_force() == ()


def test_a_hold_that_was_never_placed_cannot_be_released(holds: PostgresHolds) -> None:
    with pytest.raises(BillingFailure, match="there is no hold hold-7") as refused:
        holds.release("hold-7", "lead-1@ops.example", "repaired", NOON)

    assert refused.value.code is FailureCode.NOT_FOUND
