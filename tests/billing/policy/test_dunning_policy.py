"""The ladder's numbers agree with each other, with the requirements, and at every pace (I6, I10)."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from billing.authority import LADDER, Role
from billing.policy.bundle import Policy
from billing.policy.dunning import DUNNING, TierDunning
from billing.policy.payments import PAYMENTS
from billing.policy.standard import STANDARD
from billing.rungs import Rung
from billing.tenants import Tier
from tests.billing.debtors import DAY, HOUR, day, service, story

PRO = DUNNING.tiers[Tier.PRO]


def changed(policy: BaseModel, **differences: Any) -> BaseModel:
    """The policy built again with other numbers, so that its checks run."""
    return type(policy).model_validate(dict(policy) | differences)


def stays(**differences: timedelta) -> dict[Rung, timedelta]:
    return DUNNING.least_stay | {Rung(name): stay for name, stay in differences.items()}


CONTRADICTIONS: list[tuple[BaseModel, dict[str, Any], str]] = [
    (PRO, {"reminders": (14 * DAY, 7 * DAY)}, "reminders must climb"),
    (PRO, {"reminders": (7 * DAY, 7 * DAY)}, "reminders must climb"),
    (PRO, {"account_manager": (30 * DAY, 14 * DAY)}, "account_manager must climb"),
    (PRO, {"reminders": (timedelta(0),)}, "greater than 0"),
    (PRO, {"grace": -DAY}, "greater than or equal to 0"),
    (DUNNING, {"tiers": {Tier.PRO: PRO}}, "nothing says how enterprise, free is chased"),
    (
        DUNNING,
        {"least_stay": {Rung.GRACE: DAY}},
        "nothing says how retrying, rate_limited, blocked, suspended is chased",
    ),
    (DUNNING, {"tiers": {**DUNNING.tiers, Tier.FREE: TierDunning(grace=3 * DAY)}}, "none, or at least 4 days"),
    (DUNNING, {"block_after": 7 * DAY}, "rungs must climb"),
    (DUNNING, {"suspend_after": 3 * DAY}, "rungs must climb"),
    (DUNNING, {"least_stay": stays(rate_limited=4 * DAY)}, "rate_limited lasts 3 days"),
    (DUNNING, {"least_stay": stays(blocked=5 * DAY)}, "blocked lasts 4 days"),
    (DUNNING, {"least_stay": stays(suspended=89 * DAY)}, "is kept for 90 days, 0:00:00, never less"),
    (DUNNING, {"least_stay": stays(suspended=91 * DAY)}, "suspended lasts 90 days"),
    (DUNNING, {"kept_for": 30 * DAY, "least_stay": stays(suspended=30 * DAY)}, "must fall and fit into 30 days"),
    (DUNNING, {"deletion_notices": (7 * DAY, 30 * DAY)}, "deletion_notices must fall"),
    (DUNNING, {"deletion_notices": (7 * DAY, 7 * DAY)}, "deletion_notices must fall"),
    (DUNNING, {"usage_only_up_to": Rung.SUSPENDED}, "unpaid usage must not end the plan"),
    (DUNNING, {"usage_only_up_to": Rung.AWAITING_DELETION}, "unpaid usage must not end the plan"),
    (DUNNING, {"limited_share": Decimal(0)}, "greater than 0"),
    (DUNNING, {"limited_share": Decimal(1)}, "less than 1"),
    (DUNNING, {"warn_before": timedelta(0)}, "greater than 0"),
    (DUNNING.contact, {"opens": time(18)}, "the end must come after the beginning"),
    (DUNNING.contact, {"at_most": 4}, "4 mails 2 days, 0:00:00 apart do not fit into 7 days"),
    (DUNNING.contact, {"at_most": 0}, "greater than or equal to 1"),
    (DUNNING.arrangements, {"promises": 0}, "greater than or equal to 1"),
    (DUNNING.arrangements, {"promise_within": 0}, "greater than or equal to 1"),
]


@pytest.mark.parametrize(("policy", "differences", "objection"), CONTRADICTIONS)
def test_numbers_that_contradict_each_other_are_refused(
    policy: BaseModel, differences: dict[str, Any], objection: str
) -> None:
    with pytest.raises(ValidationError, match=objection):
        changed(policy, **differences)


def test_the_numbers_are_those_of_the_runbook() -> None:
    grace = {tier: row.grace / DAY for tier, row in DUNNING.tiers.items()}
    contacts = [wait / DAY for wait in DUNNING.tiers[Tier.ENTERPRISE].account_manager]

    assert grace == {Tier.ENTERPRISE: 14, Tier.PRO: 7, Tier.FREE: 0}
    assert [wait / DAY for wait in PRO.reminders] == [7, 14, 21]
    assert contacts == [14, 30]
    assert (DUNNING.warn_before, DUNNING.limited_share) == (7 * DAY, Decimal("0.10"))
    assert (DUNNING.block_after, DUNNING.suspend_after, DUNNING.kept_for) == (3 * DAY, 7 * DAY, 90 * DAY)
    assert DUNNING.retried_for == PAYMENTS.charge_after[-1] == 48 * HOUR


def test_every_role_with_days_of_exemption_is_one_that_is_asked_to_approve_them() -> None:
    asked = {role for role in LADDER if role is not Role.AGENT}

    assert set(DUNNING.arrangements.exemption) == asked


def test_a_bundle_that_was_pinned_before_dunning_reads_the_one_in_force() -> None:
    pinned = STANDARD.model_dump(mode="json")
    del pinned["dunning"]

    assert Policy.model_validate(pinned).dunning == DUNNING
    assert Policy.model_validate_json(STANDARD.model_dump_json()) == STANDARD


@given(st.integers(min_value=2, max_value=100_000))
def test_at_any_pace_people_count_the_same_days(speed: int) -> None:
    fast = STANDARD.accelerated(speed).dunning

    assert [fast.days(row.grace) for row in fast.tiers.values()] == [14, 7, 0]
    assert [fast.days(notice) for notice in fast.deletion_notices] == [30, 7]
    assert fast.arrangements == DUNNING.arrangements
    assert (fast.limited_share, fast.contact.at_most) == (DUNNING.limited_share, 2)


def test_at_speed_the_ladder_is_climbed_in_the_same_order() -> None:
    speed = 1_800
    fast = DUNNING.accelerated(speed)

    real = service(story(Tier.PRO, until=200).lines)
    played = story(Tier.PRO, until=200 / speed, policy=fast)

    assert [line.split()[1] for line in service(played.lines)] == [line.split()[1] for line in real]
    assert played.now - day(0) == 200 * DAY / speed


def test_a_house_may_give_free_tenants_grace() -> None:
    kind = DUNNING.model_copy(update={"tiers": {**DUNNING.tiers, Tier.FREE: TierDunning(grace=4 * DAY)}})

    played = story(Tier.FREE, until=11, policy=kind)

    assert service(played.lines) == ["0 final-warning", "2 grace", "4 rate-limited", "7 blocked", "11 suspended"]
