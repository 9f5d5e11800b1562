"""What the letters of a step say: the figures of the policy that the case opened with, never others."""

from __future__ import annotations

from billing.delinquency import Action, ActionKind
from billing.policy.dunning import DUNNING
from billing.recovery_emails import ServiceSuspended
from billing.recovery_steps import letter_of
from billing.rungs import Rung
from billing.tenants import Tier
from tests.billing.debtors import DAY, day, story


def test_who_is_suspended_reads_the_notices_of_its_own_policy() -> None:
    policy = DUNNING.model_copy(update={"deletion_notices": (21 * DAY, 5 * DAY)})
    blocked = story(Tier.PRO, until=13, policy=policy).standing
    suspension = Action(kind=ActionKind.ENTER_RUNG, at=day(14), name="suspended", rung=Rung.SUSPENDED)

    letter = letter_of(suspension, "acme", None, blocked, policy, day(14))

    assert isinstance(letter, ServiceSuspended)
    assert letter.notice_days == (21, 5)
