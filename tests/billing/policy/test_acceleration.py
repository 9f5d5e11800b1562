"""At speed a case obeys the same amounts and waits in the same proportions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.policy.sla import Counts
from billing.policy.standard import STANDARD
from billing.tenants import Tier

HOUR = timedelta(hours=1)


def test_at_speed_every_wait_is_divided_and_every_amount_stays() -> None:
    fast = STANDARD.accelerated(60)

    assert fast.disputes.remind_customer_after == (72 * HOUR / 60, 168 * HOUR / 60)
    assert fast.disputes.close_unanswered_after == 336 * HOUR / 60
    assert fast.approvals.expire_after == 2 * HOUR
    assert fast.provider.look_up_after[0] == timedelta(seconds=5)
    assert fast.sla.update_every == timedelta(minutes=48)
    assert (fast.credits, fast.usage, fast.quality) == (STANDARD.credits, STANDARD.usage, STANDARD.quality)
    assert fast.disputes.escalate_above == STANDARD.disputes.escalate_above
    assert fast.disputes.pattern_window == STANDARD.disputes.pattern_window


def test_business_days_become_the_calendar_days_they_usually_span() -> None:
    resolution = (
        STANDARD.sla.budgets(Tier.PRO)["resolution"],
        STANDARD.accelerated(7).sla.budgets(Tier.PRO)["resolution"],
    )

    assert [budget.counts for budget in resolution] == [Counts.BUSINESS_DAYS, Counts.EVERY_HOUR]
    assert resolution[1].amount == 24 * HOUR


def test_an_accelerated_policy_says_so_in_its_version() -> None:
    assert STANDARD.accelerated(60).version == f"{STANDARD.version}×60"
    assert STANDARD.accelerated(1) is STANDARD


@pytest.mark.parametrize("speed", [0, -1])
def test_time_cannot_be_stopped_or_turned_back(speed: int) -> None:
    with pytest.raises(ValueError, match=f"speed {speed} must be 1 or more"):
        STANDARD.accelerated(speed)


@given(st.integers(min_value=2, max_value=100_000), st.sampled_from(Tier))
def test_at_any_speed_the_clocks_of_a_tier_keep_their_order(speed: int, tier: Tier) -> None:
    row = STANDARD.accelerated(speed).sla.commitments[tier]

    assert row.initial_response.amount < row.investigation.amount < row.resolution.amount
