"""What the letters of a step say: the figures of the policy that the case opened with, never others."""

from __future__ import annotations

import pytest

from billing.delinquency import Action, ActionKind, Standing
from billing.holds import HeldEffect, Hold
from billing.ladder_moves import exempted, promised
from billing.payments import Pause
from billing.policy.dunning import DUNNING
from billing.recovery_emails import ServiceSuspended
from billing.recovery_steps import letter_of, rest_of
from billing.rungs import Rung
from billing.tenants import Tier
from tests.billing.debtors import DAY, case, day, story


def test_who_is_suspended_reads_the_notices_of_its_own_policy() -> None:
    policy = DUNNING.model_copy(update={"deletion_notices": (21 * DAY, 5 * DAY)})
    blocked = story(Tier.PRO, until=13, policy=policy).standing
    suspension = Action(kind=ActionKind.ENTER_RUNG, at=day(14), name="suspended", rung=Rung.SUSPENDED)

    letter = letter_of(suspension, "acme", None, blocked, policy, day(14))

    assert isinstance(letter, ServiceSuspended)
    assert letter.notice_days == (21, 5)


def held(effect: HeldEffect) -> Hold:
    return Hold(hold_id=effect, effect=effect, reason="An incident.", placed_by="lead-1", placed_at=day(1))


CHARGING, SUSPENSION, WRITES = (held(one) for one in (HeldEffect.CHARGING, HeldEffect.SUSPENSION, HeldEffect.WRITES))
OWING = case()
PROMISED = promised(OWING, day(5).date(), day(6), day(1))
EXEMPTED = exempted(OWING, day(6), day(1))


@pytest.mark.parametrize(
    ("standing", "disputed", "holds", "rests"),
    [
        (OWING, False, (), None),
        (PROMISED, False, (), Pause(why="a promise to pay", schedule_only=True)),
        (EXEMPTED, False, (), Pause(why="exempted", schedule_only=True)),
        (OWING, False, (SUSPENSION,), Pause(why=SUSPENSION.in_words(), schedule_only=True)),
        (OWING, False, (CHARGING,), Pause(why=CHARGING.in_words())),
        (OWING, False, (WRITES,), Pause(why=WRITES.in_words())),
        (OWING, False, (SUSPENSION, CHARGING), Pause(why=CHARGING.in_words())),
        (OWING, True, (), Pause(why="disputed")),
        (OWING, True, (SUSPENSION,), Pause(why="disputed")),
        (PROMISED, True, (), Pause(why="disputed")),
        (PROMISED, False, (WRITES,), Pause(why=WRITES.in_words())),
    ],
)
def test_a_new_card_waits_only_for_what_forbids_the_charge_itself(
    standing: Standing, disputed: bool, holds: tuple[Hold, ...], rests: Pause | None
) -> None:
    owed = standing.debts[0].model_copy(update={"disputed": disputed})

    assert rest_of(owed, standing, holds) == rests
