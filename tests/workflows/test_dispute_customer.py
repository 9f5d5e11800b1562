"""What a customer may do in the middle: stay silent, answer late, answer twice, withdraw."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from billing.cases import Ending, Question, Verdict, Withdrawal
from tests.workflows.office import CaseInHand, Office
from workflows.dispute import Dispute

QUESTION = Question(by="agent-1", text="Which of your keys made these calls?")


async def asks(office: Office) -> CaseInHand:
    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
    await case.does(Dispute.ask_customer, QUESTION)
    return case


async def test_a_customer_who_never_answers_is_reminded_twice_and_the_case_closes_after_14_days(office: Office) -> None:
    case = await asks(office)

    await case.hours(15 * 24)

    assert await case.ending() is Ending.UNANSWERED
    assert [line for line in await case.timeline() if "reminded the customer" in line or "ended" in line] == [
        "  72h  reminded the customer (1)",
        " 168h  reminded the customer (2)",
        " 336h  ended: closed without an answer",
    ]
    assert office.postman.sent.count("customer_asked") == 3
    assert office.postman.sent[-1] == "dispute_closed"
    assert office.provider.credits == []


async def test_the_same_reply_delivered_twice_counts_once(office: Office) -> None:
    case = await asks(office)

    await case.hears("r-1")
    await case.hears("r-1")

    assert sum("the customer answered" in line for line in await case.timeline()) == 1
    assert not (await case.story()).waiting_for_customer


async def test_an_approval_given_while_the_customer_is_asked_waits_for_the_answer(office: Office) -> None:
    case = await asks(office)

    await case.is_decided_by("lead-1", Verdict.APPROVE)
    before = list(office.provider.credits)
    await case.hears("r-1", "Yes.")

    assert before == []
    assert await case.ending() is Ending.CREDITED
    assert len(office.provider.credits) == 1


async def test_a_second_question_waits_for_the_first_answer(office: Office) -> None:
    case = await asks(office)

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await case.does(Dispute.ask_customer, QUESTION)

    assert "already waits for the customer" in str(refused.value.cause)


async def test_a_customer_may_withdraw_while_we_wait_for_an_answer(office: Office) -> None:
    case = await asks(office)

    await case.does(Dispute.withdraw, Withdrawal(by="accounts@acme.example"))

    assert await case.ending() is Ending.WITHDRAWN
    assert office.provider.credits == []


async def test_a_letter_from_the_customer_without_a_question_is_kept_in_the_story(office: Office) -> None:
    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")

    await case.hears("r-9", "Any news?")

    assert (await case.timeline())[-1] == "   0h  the customer wrote to us"


async def test_what_the_customer_wrote_before_the_question_is_no_answer_to_it(office: Office) -> None:
    case = await asks(office)

    await case.hears("r-1", "Any news?", ago=timedelta(minutes=5))
    crossed = await case.story()
    await case.hears("r-2")

    assert crossed.waiting_for_customer
    assert crossed.timeline[-1].text == "the customer wrote before we asked; the question stays open"
    assert {clock.state for clock in crossed.clocks} == {"met", "paused"}
    assert not (await case.story()).waiting_for_customer


async def test_an_answer_of_the_same_second_counts_although_support_desks_stamp_whole_seconds(office: Office) -> None:
    case = await asks(office)
    asked_at = (await case.story()).timeline[-1].at

    await case.hears("r-1", ago=await office.clock.now(case.handle) - asked_at.replace(microsecond=0))

    assert not (await case.story()).waiting_for_customer
