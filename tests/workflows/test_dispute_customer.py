"""What a customer may do in the middle: stay silent, answer late, answer twice, withdraw."""

from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowUpdateFailedError

from billing.cases import CustomerReply, Ending, Question, Verdict, Withdrawal
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
    reply = CustomerReply(reply_id="r-1", text="The batch key.", received_at=datetime.now(UTC))

    await case.handle.signal(Dispute.customer_replied, reply)
    await case.handle.signal(Dispute.customer_replied, reply)
    await case.rests()

    assert sum("the customer answered" in line for line in await case.timeline()) == 1
    assert not (await case.story()).waiting_for_customer


async def test_an_approval_given_while_the_customer_is_asked_waits_for_the_answer(office: Office) -> None:
    case = await asks(office)

    await case.is_decided_by("lead-1", Verdict.APPROVE)
    before = list(office.provider.credits)
    await case.handle.signal(
        Dispute.customer_replied, CustomerReply(reply_id="r-1", text="Yes.", received_at=datetime.now(UTC))
    )

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

    await case.handle.signal(
        Dispute.customer_replied, CustomerReply(reply_id="r-9", text="Any news?", received_at=datetime.now(UTC))
    )
    await case.rests()

    assert (await case.timeline())[-1] == "   0h  the customer wrote to us"
