"""Whatever customers, banks, operators and clocks do, in any order: never a charge beyond what is due, never two for one debt,
never a limit on a tenant who owes nothing, never a skipped rung, never a lost case."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from billing.delinquency import Action, Debt, Standing
from billing.ladder import performed
from billing.payments import AttemptOrder, AttemptRow
from billing.policy.dunning import DunningPolicy
from billing.rungs import Rung
from tests.fakes.receivables import FakeReceivables
from tests.safety import recovering
from tests.safety.recovery_machine import Recovery

EXAMPLES, STEPS = 300, 50


def played(examples: int, **how: Any) -> None:
    """Let the machine run; it raises what it found."""
    patient = settings(
        max_examples=examples, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck), **how
    )
    run_state_machine_as_test(Recovery, settings=patient)


def test_no_order_of_events_makes_recovery_wrong() -> None:
    played(EXAMPLES)


def never_eased(standing: Standing, debts: tuple[Debt, ...], now: datetime, policy: DunningPolicy) -> Standing:
    return standing.model_copy(update={"debts": debts})


def never_stopped(standing: Standing, since: datetime) -> Standing:
    return standing


def climbed_two_at_a_time(standing: Standing, action: Action, at: datetime, policy: DunningPolicy) -> Standing:
    after = performed(standing, action, at, policy)
    return after.model_copy(update={"rung": after.rung.next}) if action.rung is Rung.RATE_LIMITED else after


def bars_nothing(self: FakeReceivables, order: AttemptOrder, now: datetime) -> None:
    self.rows.setdefault(order.op_key, AttemptRow(op_key=order.op_key, began_at=now, **order.model_dump()))


@pytest.mark.parametrize(
    ("where", "name", "mistake"),
    [
        (recovering, "anchored", never_eased),
        (recovering, "stopped", never_stopped),
        (recovering, "performed", climbed_two_at_a_time),
        (FakeReceivables, "begin", bars_nothing),
    ],
)
def test_the_machine_finds_a_mistake_that_was_put_in(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, mistake: object
) -> None:
    monkeypatch.setattr(where, name, mistake)

    with pytest.raises(AssertionError):
        played(EXAMPLES, phases=[Phase.generate], database=None, report_multiple_bugs=False)
