"""Corrections in trouble: lost answers, refusals, decisions that the world has overtaken, and people who change their minds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from billing.emails import HandedOver
from billing.failures import FailureCode
from billing.invoice_corrections import Deed, Ending, Stage
from billing.money import Money
from tests.fixtures.temporal import CaseClock
from tests.workflows.correcting import CorrectingDesk, CorrectionInHand, a_correcting_desk
from workflows.invoice_correction import InvoiceCorrection


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[CorrectingDesk]:
    async with a_correcting_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def refusal(case: CorrectionInHand, update: object, by: str) -> str:
    """Why a person may not say it."""
    with pytest.raises(WorkflowUpdateFailedError) as refused_update:
        await case.does(update, by)
    cause = refused_update.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.message


async def test_a_lost_answer_is_looked_up_and_nothing_is_sent_again(desk: CorrectingDesk) -> None:
    desk.provider.fail_next(FailureCode.OUTCOME_UNKNOWN, commits=True)
    case = await desk.orders(desk.owes(), amount="25.00")

    await case.is_decided_by("agent-2")

    assert await case.ending() is Ending.CREDITED
    assert (len(desk.provider.credits), len(desk.provider.keys)) == (1, 1)


@pytest.mark.parametrize("deed", [Deed.VOID, Deed.WRITE_OFF])
async def test_a_lost_answer_about_a_status_is_looked_up_too(desk: CorrectingDesk, deed: Deed) -> None:
    desk.provider.fail_next(FailureCode.OUTCOME_UNKNOWN, commits=True)
    case = await desk.orders(desk.owes(), deed, requested_by="finance-1")

    await case.is_decided_by("lead-1")

    assert await case.ending() in (Ending.VOIDED, Ending.WRITTEN_OFF)
    assert len(desk.provider.keys) == 1


async def test_while_the_provider_is_down_it_is_looked_up_later_and_then_done(desk: CorrectingDesk) -> None:
    desk.provider.fail_next(FailureCode.PROVIDER_BUSY, times=150)
    case = await desk.orders(desk.owes(), amount="25.00")
    await case.is_decided_by("agent-2")

    for _ in range(4):
        await case.hours(0.15)
    await case.hours(2)

    assert any(line.startswith("the outcome of the credit is unknown") for line in await case.timeline())
    assert await case.ending() is Ending.CREDITED
    assert len(desk.provider.credits) == 1


async def broken(desk: CorrectingDesk) -> CorrectionInHand:
    """An approved credit that no repeating brings about: nobody knows whether it left."""
    desk.provider.fail_next(FailureCode.INVALID)
    case = await desk.orders(desk.owes(), amount="25.00")
    await case.is_decided_by("agent-2")
    return case


async def test_what_no_repeating_cures_is_finances_and_tried_again_as_it_was_approved(desk: CorrectingDesk) -> None:
    case = await broken(desk)
    handed_over = await case.story()

    await case.does(InvoiceCorrection.try_again, "finance-1")

    assert (handed_over.needs_human, handed_over.stage) == (True, Stage.CARRY_OUT)
    assert "finance-1" in desk.told("handed_over")
    assert await case.ending() is Ending.CREDITED
    assert len(desk.told("approval_requested")) == 1 + 1


async def test_what_was_handed_over_and_may_have_left_is_not_withdrawn(desk: CorrectingDesk) -> None:
    case = await broken(desk)

    why = await refusal(case, InvoiceCorrection.withdraw, "agent-1")

    assert why.startswith("too late to withdraw: the correction is at carry out")
    await case.does(InvoiceCorrection.try_again, "finance-1")
    assert await case.ending() is Ending.CREDITED


async def refused(desk: CorrectingDesk) -> CorrectionInHand:
    """An approved credit that the provider refuses."""
    desk.provider.fail_next(FailureCode.PROVIDER_REFUSED)
    case = await desk.orders(desk.owes(), amount="25.00")
    await case.is_decided_by("agent-2")
    return case


async def test_a_refusal_is_a_persons_and_once_repaired_proposed_and_approved_again(desk: CorrectingDesk) -> None:
    case = await refused(desk)
    handed_over = await case.story()

    await case.does(InvoiceCorrection.try_again, "finance-1", "The account is in order again.")
    await case.is_decided_by("agent-2")

    letter = desk.told("handed_over")["finance-1"]
    assert isinstance(letter, HandedOver) and letter.case_id == case.order.case_id
    assert handed_over.needs_human
    assert await case.ending() is Ending.CREDITED
    assert len(desk.provider.credits) == 1


async def test_a_refused_one_can_be_withdrawn(desk: CorrectingDesk) -> None:
    case = await refused(desk)

    await case.does(InvoiceCorrection.withdraw, "agent-1")

    assert await case.ending() is Ending.WITHDRAWN
    assert desk.provider.credits == []


async def test_what_may_have_left_can_be_withdrawn_no_more(desk: CorrectingDesk) -> None:
    desk.provider.fail_next(FailureCode.OUTCOME_UNKNOWN, times=100_000)
    case = await desk.orders(desk.owes(), amount="25.00")
    await case.is_decided_by("agent-2")

    why = await refusal(case, InvoiceCorrection.withdraw, "agent-1")

    assert why.startswith("too late to withdraw: the correction is at carry out")
    desk.provider.recovers()
    await case.hours(1)
    assert await case.ending() is Ending.CREDITED


async def test_another_credit_that_took_the_room_makes_the_approved_one_a_persons(desk: CorrectingDesk) -> None:
    invoice = desk.owes()
    first = await desk.orders(invoice, amount="300.00", requested_by="lead-1")
    second = await desk.orders(invoice, amount="200.00", requested_by="lead-1")

    outcomes = [await first.is_decided_by("vp-1"), await second.is_decided_by("vp-1")]
    waiting = await second.story()

    assert [outcome.accepted for outcome in outcomes] == [True, True]
    assert await first.ending() is Ending.CREDITED
    assert (waiting.needs_human, waiting.stage) == (True, Stage.PROPOSE)
    await second.does(InvoiceCorrection.withdraw, "lead-1")
    assert await second.ending() is Ending.WITHDRAWN
    assert desk.invoice("acme").total == Money.of("10.00", "USD")


async def test_a_void_after_a_payment_arrived_is_not_carried_out(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), Deed.VOID, requested_by="finance-1")
    desk.pays("acme")

    await case.is_decided_by("lead-1")
    waiting = await case.story()
    await case.does(InvoiceCorrection.withdraw, "finance-1")

    assert waiting.needs_human and "cannot be voided" in waiting.next_step
    assert await case.ending() is Ending.WITHDRAWN
    assert desk.provider.changed == {}


# -- what is said to one -------------------------------------------------------------------------------------------------


async def test_only_who_may_order_may_withdraw(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")

    why = await refusal(case, InvoiceCorrection.withdraw, "engineering-1")

    assert why == "engineering-1 may not withdraw a correction: an active agent or lead or finance or vp is needed"
    await case.does(InvoiceCorrection.withdraw, "agent-1")
    assert await case.ending() is Ending.WITHDRAWN


async def test_nothing_is_tried_again_that_was_not_handed_over(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")

    why = await refusal(case, InvoiceCorrection.try_again, "finance-1")

    assert why.startswith("nothing was handed over: the correction is at waiting for approval")
    await case.does(InvoiceCorrection.withdraw, "agent-1")
