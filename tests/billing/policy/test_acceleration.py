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


def test_recovery_may_have_a_pace_of_its_own_and_then_everything_in_it_has_that_one() -> None:
    both = STANDARD.accelerated(60, recovery=28_800)

    assert (both.payments, both.dunning) == (
        STANDARD.payments.accelerated(28_800),
        STANDARD.dunning.accelerated(28_800),
    )
    assert both.dunning.tiers[Tier.PRO].grace == 7 * timedelta(seconds=3)
    assert (both.dunning.contact.within, both.dunning.contact.apart) == (timedelta(seconds=21), timedelta(seconds=6))
    unlike = {"version", "payments", "dunning"}
    assert both.model_dump(exclude=unlike) == STANDARD.accelerated(60).model_dump(exclude=unlike)
    assert both.version == f"{STANDARD.version}×60, recovery ×28800"


@pytest.mark.parametrize(("speed", "recovery"), [(1, None), (1, 1)])
def test_production_has_the_very_policy(speed: int, recovery: int | None) -> None:
    assert STANDARD.accelerated(speed, recovery=recovery) is STANDARD


def test_recovery_alone_may_be_faster_or_slower_than_the_rest() -> None:
    faster, slower = STANDARD.accelerated(1, recovery=60), STANDARD.accelerated(60, recovery=1)

    assert (faster.sla, faster.dunning) == (STANDARD.sla, STANDARD.dunning.accelerated(60))
    assert (slower.payments, slower.dunning) == (STANDARD.payments, STANDARD.dunning)


@pytest.mark.parametrize("speed", [0, -1])
def test_time_cannot_be_stopped_or_turned_back(speed: int) -> None:
    with pytest.raises(ValueError, match=f"speed {speed} must be 1 or more"):
        STANDARD.accelerated(speed)
    with pytest.raises(ValueError, match=f"speed {speed} must be 1 or more"):
        STANDARD.accelerated(60, recovery=speed)


@given(st.integers(min_value=2, max_value=100_000), st.sampled_from(Tier))
def test_at_any_speed_the_clocks_of_a_tier_keep_their_order(speed: int, tier: Tier) -> None:
    row = STANDARD.accelerated(speed).sla.commitments[tier]

    assert row.initial_response.amount < row.investigation.amount < row.resolution.amount
