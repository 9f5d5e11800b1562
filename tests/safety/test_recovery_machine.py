"""Whatever customers, banks, operators and clocks do, in any order: never a charge beyond what is due, never two for one debt,
never a limit on a tenant who owes nothing, never a skipped rung, never a lost case."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from activities import payments
from activities.ports import Wire
from billing.delinquency import Action, Debt, Standing
from billing.failures import BillingFailure
from billing.holds import Hold
from billing.ladder import next_action
from billing.money import Money
from billing.payments import Receivable
from billing.policy.dunning import DunningPolicy
from billing.rungs import Rung
from tests.safety import recovering
from tests.safety.recovering import WatchedBank
from tests.safety.recovery_machine import BEGINNING, TENANT, Recovery

EXAMPLES, STEPS = 300, 50


def played(examples: int, **how: Any) -> None:
    """Let the machine run; it raises what it found."""
    patient = settings(
        max_examples=examples, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck), **how
    )
    run_state_machine_as_test(Recovery, settings=patient)


def test_no_order_of_events_makes_recovery_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[datetime] = []
    monkeypatch.setattr(Recovery, "teardown", lambda machine: ended.append(machine.now))

    played(EXAMPLES)

    assert len(ended) >= EXAMPLES


def never_eased(standing: Standing, debts: tuple[Debt, ...], now: datetime, policy: DunningPolicy) -> Standing:
    return standing.model_copy(update={"debts": debts})


def never_stopped(standing: Standing, since: datetime) -> Standing:
    return standing


def skipped_a_rung(standing: Standing, policy: DunningPolicy, now: datetime) -> Action | None:
    action = next_action(standing, policy, now)
    return action.model_copy(update={"rung": action.rung.next}) if action and action.rung is Rung.BLOCKED else action


def said_twice(action: Action, told_of: frozenset[str]) -> bool:
    return False


def charged_whatever_is_against_it(receivable: Receivable, hold: Hold | None) -> None:
    return None


@pytest.mark.parametrize(
    ("where", "name", "mistake"),
    [
        (recovering, "anchored", never_eased),
        (recovering, "stopped", never_stopped),
        (recovering, "next_action", skipped_a_rung),
        (recovering, "is_said_by", said_twice),
        (payments, "objection", charged_whatever_is_against_it),
    ],
)
def test_the_machine_finds_a_mistake_that_was_put_in(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, mistake: object
) -> None:
    monkeypatch.setattr(where, name, mistake)

    with pytest.raises(AssertionError):
        played(EXAMPLES, phases=[Phase.generate], database=None, derandomize=True, report_multiple_bugs=False)


@pytest.mark.parametrize(("amount", "wrongs"), [(12_000, 1), (12_001, 2)])
def test_the_watched_bank_notes_a_second_charge_and_one_beyond_what_is_due(amount: int, wrongs: int) -> None:
    bank = WatchedBank(now=lambda: BEGINNING)
    bank.bill("inv-1", TENANT, Money.of("120.00", "USD"))
    bank.next_answers.extend(["processing", "paid"])
    params = {"invoice_id": "inv-1", "tenant_id": TENANT, "payment_method": "pm_1", "currency": "USD", "amount": amount}

    with pytest.raises(BillingFailure, match="nobody knows"):
        bank.send(Wire(call="pay_invoice", params=params | {"op_key": "payment/inv-1/scheduled-1"}), "key-1")
    bank.send(Wire(call="charge_again", params=params | {"op_key": "payment/inv-1/manual-1"}), "key-2")

    assert len(bank.wrongs) == wrongs
