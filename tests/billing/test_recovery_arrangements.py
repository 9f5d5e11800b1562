"""What an arrangement does to the ladder that the customer reads of."""

from __future__ import annotations

from datetime import date

from billing.arrangements import Arrangement
from billing.ladder_moves import promise_over
from billing.money import Money
from billing.policy.dunning import DUNNING
from billing.recovery import ArrangementRequest
from billing.recovery_arrangements import agreed
from tests.billing.debtors import Story, day, story

PROMISE = ArrangementRequest(
    op_key="delinquency/acme/1/arrangement/1",
    case_id="delinquency/acme/1",
    tenant_id="acme",
    kind=Arrangement.PROMISE,
    amount=Money.of("120.00", "USD"),
    until=date(2026, 3, 11),
    reason="A bank transfer is on its way.",
    requested_by="agent-1",
)


def test_that_a_promise_was_noted_counts_as_a_mail_so_that_the_reminder_waits() -> None:
    limited = story(until=8).standing

    noted = agreed(limited, PROMISE, day(8), DUNNING)

    assert noted.contacts[-1] == day(8)
    broken = Story(promise_over(noted, day(9.5)), 9.5).until(10.9)
    assert "reminder-1" not in [line.split()[1] for line in broken.lines]
