"""When a failed payment is told: every kind of step beside it, and everything that keeps it waiting."""

from __future__ import annotations

import pytest

from billing.announcing import announced_at, is_read, is_said_by
from billing.delinquency import Action, ActionKind
from billing.ladder import opened
from billing.ladder_moves import exempted, stopped
from billing.policy.dunning import DUNNING
from billing.rungs import Rung
from billing.tenants import Tier
from tests.billing.debtors import BERLIN, HOUR, Story, case, day, debt, story

BOTH = (debt("in-1"), debt("in-2", since=7.5))


def step(kind: ActionKind, rung: Rung | None = None) -> Action:
    return Action(kind=kind, at=day(9), name="step", rung=rung)


def test_the_first_failed_payment_is_told_at_once_at_any_hour() -> None:
    at_night = case(at=0.6)

    assert announced_at(at_night, (), day(0.6), DUNNING) == day(0.6)


def test_another_one_waits_as_the_contact_budget_says_and_news_of_a_known_one_does_too() -> None:
    limited = story(until=7).standing.model_copy(update={"debts": BOTH})

    assert announced_at(limited, {"in-1"}, day(7.5), DUNNING) == day(9)
    assert announced_at(limited, {"in-1", "in-2"}, day(7.5), DUNNING) is None
    assert announced_at(limited, {"in-1", "in-2"}, day(7.5), DUNNING, again={"in-2"}) == day(9)


def test_mails_of_the_case_before_count_for_the_contact_budget() -> None:
    begun_anew = opened(Tier.PRO, BERLIN, BOTH, day(0), DUNNING, contacts=(day(-1),))

    warned = Story(begun_anew).until(1)

    assert warned.lines == ["0 final-warning"]
    assert announced_at(warned.standing, {"in-1"}, day(1), DUNNING) == day(7) - 2 * HOUR  # the office opens on Monday
    assert announced_at(story(Tier.PRO, *BOTH, until=1).standing, {"in-1"}, day(1), DUNNING) == day(2)


def test_nothing_is_told_of_what_is_not_chased() -> None:
    owing, contested = case(), case(Tier.PRO, debt(disputed=True))

    assert announced_at(contested, (), day(0), DUNNING) is None
    assert announced_at(stopped(owing, day(0)), (), day(1), DUNNING) is None
    assert announced_at(exempted(owing, day(9), day(0)), (), day(1), DUNNING) is None


@pytest.mark.parametrize(
    ("action", "read"),
    [
        (step(ActionKind.REMINDER), True),
        (step(ActionKind.FINAL_WARNING), True),
        (step(ActionKind.DELETION_NOTICE), True),
        (step(ActionKind.ENTER_RUNG, Rung.RETRYING), False),
        (step(ActionKind.ENTER_RUNG, Rung.GRACE), False),
        (step(ActionKind.ENTER_RUNG, Rung.RATE_LIMITED), True),
        (step(ActionKind.ENTER_RUNG, Rung.BLOCKED), True),
        (step(ActionKind.ENTER_RUNG, Rung.SUSPENDED), True),
        (step(ActionKind.ACCOUNT_MANAGER), False),
        (step(ActionKind.HAND_TO_PURGE, Rung.AWAITING_DELETION), False),
        (step(ActionKind.PROMISE_DUE), False),
        (step(ActionKind.EXEMPTION_OVER), False),
    ],
)
def test_a_letter_that_names_every_debt_takes_the_place_of_all_announcements_but_the_first(
    action: Action, read: bool
) -> None:
    assert is_read(action) is read
    assert is_said_by(action, {"in-1"}) is read
    assert not is_said_by(action, ())
