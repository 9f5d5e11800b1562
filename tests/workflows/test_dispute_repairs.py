"""Saying that something is repaired: heard where a step was handed over or put off, refused where nothing was."""

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from billing.cases import Ending, Judgement, TryAgain, Verdict
from billing.disputes import Resolution
from billing.failures import FailureCode
from billing.money import Money
from tests.workflows.office import CaseInHand, Office
from workflows.dispute import Dispute

REPAIRED = TryAgain(by="finance-1", reason="the cause is repaired")


async def refusal(case: CaseInHand) -> str:
    """What the case answers to a repair that it refuses; the code is checked here."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.handle.execute_update(Dispute.try_again, REPAIRED)
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == FailureCode.CONFLICT
    return refused.value.cause.message


async def test_a_case_of_which_nothing_was_handed_over_has_nothing_to_try_again(office: Office) -> None:
    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
    before = await case.timeline()

    answer = await refusal(case)

    assert answer == "nothing was handed over: the case is at waiting for approval, and no step waits for a repair"
    assert await case.timeline() == before
    await case.is_decided_by("lead-1", Verdict.APPROVE)
    assert await case.ending() is Ending.CREDITED


async def test_a_case_that_waits_for_an_analyst_does_not_wait_for_a_repair(office: Office) -> None:
    case = await office.opens(office.world.tenant("acme"), disputed="100.00")

    assert (await case.story()).needs_human
    assert "the case is at waiting for an analyst" in await refusal(case)
    await case.handle.terminate()


async def test_a_repair_is_heard_once_for_each_hand_over(office: Office) -> None:
    office.provider.fail_next(FailureCode.PROVIDER_REFUSED)
    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
    await case.is_decided_by("lead-1", Verdict.APPROVE)
    assert (await case.story()).needs_human

    await case.does(Dispute.try_again, REPAIRED)

    assert "nothing was handed over" in await refusal(case)
    await case.is_decided_by("lead-1", Verdict.APPROVE)
    assert await case.ending() is Ending.CREDITED


async def test_a_judgement_takes_the_place_of_what_was_handed_over(office: Office) -> None:
    office.provider.fail_next(FailureCode.PROVIDER_REFUSED)
    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
    await case.is_decided_by("lead-1", Verdict.APPROVE)

    judged = Judgement(by="agent-1", resolution=Resolution.PARTIAL, amount=Money.of("90.00", "USD"), reason="as agreed")
    await case.does(Dispute.judge, judged)

    assert (await case.story()).approval is not None
    assert "nothing was handed over" in await refusal(case)
    await case.handle.terminate()


async def test_a_credit_that_is_looked_up_later_is_looked_up_at_once_when_somebody_says_so(office: Office) -> None:
    office.provider.fail_next(FailureCode.PROVIDER_BUSY, times=150)
    case = await office.opens(office.world.tenant("acme", duplicated=480), disputed="48.00")
    for _ in range(4):
        await case.hours(0.13)
    assert any("looked up again" in line for line in await case.timeline())
    office.provider.recovers()

    await case.does(Dispute.try_again, REPAIRED)

    assert await case.ending() is Ending.CREDITED
    assert len(office.provider.credits) == 1


async def test_a_credit_that_is_being_looked_up_needs_nobody_to_say_so(office: Office) -> None:
    office.provider.fail_next(FailureCode.PROVIDER_BUSY, times=1_000)
    case = await office.opens(office.world.tenant("acme", duplicated=480), disputed="48.00")
    for _ in range(4):
        await case.hours(0.15)
    assert any("looked up again" in line for line in await case.timeline())

    answer = await refusal(case)

    assert "nothing was handed over" in answer
    office.provider.recovers()
    await case.hours(0.1)
    assert await case.ending() is Ending.CREDITED
