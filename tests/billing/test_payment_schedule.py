"""When a debt is charged next: at 0, 6, 24 and 48 hours, never faster, however late somebody was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from billing.money import Money
from billing.payment_schedule import next_charge_at
from billing.policy.bundle import Policy
from billing.policy.payments import PAYMENTS, PaymentPolicy
from billing.policy.standard import STANDARD

OWED = datetime(2026, 12, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("made", "tried_at", "stood_still", "delayed", "due"),
    [
        (0, None, 0, False, 0),
        (1, 0, 0, False, 6),
        (2, 6, 0, False, 24),
        (3, 24, 0, False, 48),
        (4, 48, 0, False, None),
        (1, None, 0, False, 6),
        (2, 30, 0, False, 48),
        (3, 30, 0, False, 54),
        (1, 0, 10, False, 16),
        (2, 16, 10, False, 34),
        (1, 0, 0, True, 24),
        (3, 24, 0, True, 48),
        (3, 30, 0, True, 54),
    ],
)
def test_the_next_charge(made: int, tried_at: int | None, stood_still: int, delayed: bool, due: int | None) -> None:
    last = None if tried_at is None else OWED + tried_at * HOUR

    at = next_charge_at(PAYMENTS, made, OWED, last, stood_still=stood_still * HOUR, delayed=delayed)

    assert at == (None if due is None else OWED + due * HOUR)


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_however_late_each_charge_is_they_keep_apart(late_hours: list[int]) -> None:
    made, last, charged = 0, None, []

    while (due := next_charge_at(PAYMENTS, made, OWED, last)) is not None:
        last = due + late_hours[made] * HOUR
        charged.append(last)
        made += 1

    steps = [later - earlier for earlier, later in pairwise(PAYMENTS.charge_after)]
    assert len(charged) == len(PAYMENTS.charge_after)
    assert all(later - earlier >= step for (earlier, later), step in zip(pairwise(charged), steps, strict=True))


@pytest.mark.parametrize("after", [(), (6 * HOUR,), (timedelta(0), 6 * HOUR, 6 * HOUR), (timedelta(0), 9 * HOUR, HOUR)])
def test_a_schedule_begins_with_the_charge_and_climbs(after: tuple[timedelta, ...]) -> None:
    with pytest.raises(ValidationError):
        PaymentPolicy.model_validate(PAYMENTS.model_dump() | {"charge_after": after})


def test_a_bundle_of_before_payments_means_the_standard_ones() -> None:
    pinned = STANDARD.model_dump(mode="json")
    del pinned["payments"]

    assert Policy.model_validate(pinned).payments == PAYMENTS


def test_speed_divides_durations_and_leaves_amounts() -> None:
    fast = STANDARD.accelerated(60).payments

    assert fast.charge_after[1] == 6 * timedelta(minutes=1)
    assert (fast.manual_at_most, fast.least_charge) == (PAYMENTS.manual_at_most, PAYMENTS.least_charge)


@pytest.mark.parametrize(
    ("amount", "charged"),
    [("USD 0.49", False), ("USD 0.50", True), ("JPY 49", False), ("JPY 50", True), ("KWD 0.001", True)],
)
def test_the_provider_charges_no_less_than_its_minimum(amount: str, charged: bool) -> None:
    currency, major = amount.split()

    assert PAYMENTS.can_be_charged(Money.of(major, currency)) is charged
