"""Starting a dispute and speaking to it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from billing.cases import CustomerReply, DeEscalation, Judgement, Opening, Question, Reopening, Withdrawal
from billing.disputes import Resolution, case_id
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from settings import Settings
from starters import disputes
from starters.connect import answers, connect
from tests.starters.desk import NOBODY_LISTENS, CaseDesk, ticket
from tests.starters.stand_in import Broken
from workflows.dispute import Dispute

NOW = datetime.now(UTC)
# From here on Temporal refuses updates of a case whose workflow task keeps failing.
REFUSED_FROM_ATTEMPT = 4


def a_reply(reply_id: str, text: str = "It was not us.") -> CustomerReply:
    return CustomerReply(reply_id=reply_id, text=text, received_at=NOW)


async def test_the_same_ticket_again_is_the_same_case(desk: CaseDesk) -> None:
    opening = Opening(ticket=ticket())

    first = await disputes.open_dispute(desk.client, opening, task_queue=desk.settings.task_queue)
    second = await disputes.open_dispute(desk.client, opening, task_queue=desk.settings.task_queue)

    assert first.created
    assert second == first.model_copy(update={"created": False})


async def test_the_ticket_of_a_closed_case_is_still_that_case(desk: CaseDesk) -> None:
    opening = Opening(ticket=ticket())
    opened = await disputes.open_dispute(desk.client, opening, task_queue=desk.settings.task_queue)
    await disputes.withdraw(desk.client, opened.case_id, Withdrawal(by="agent-1"))
    await desk.client.get_workflow_handle(opened.case_id).result()

    again = await disputes.open_dispute(desk.client, opening, task_queue=desk.settings.task_queue)

    assert again == opened.model_copy(update={"created": False})


async def test_a_closed_case_is_reopened_and_an_open_one_is_not(desk: CaseDesk) -> None:
    opening = Opening(ticket=ticket())
    again = opening.model_copy(update={"reopening": Reopening(by="agent-1", reason="new logs", opened_at=NOW)})
    opened = await disputes.open_dispute(desk.client, opening, task_queue=desk.settings.task_queue)

    with pytest.raises(BillingFailure, match="is still open: nothing to re-open") as refusal:
        await disputes.open_dispute(desk.client, again, task_queue=desk.settings.task_queue)
    await disputes.withdraw(desk.client, opened.case_id, Withdrawal(by="agent-1"))
    await desk.client.get_workflow_handle(opened.case_id).result()
    reopened = await disputes.open_dispute(desk.client, again, task_queue=desk.settings.task_queue)

    assert refusal.value.code is FailureCode.CONFLICT
    assert reopened.created
    assert (await desk.timeline(opening.ticket.ticket_id))[0].startswith("opened again: new logs")


async def test_the_same_reply_counts_once(desk: CaseDesk) -> None:
    opened = ticket()
    await disputes.open_dispute(desk.client, Opening(ticket=opened), task_queue=desk.settings.task_queue)
    case = case_id(opened.ticket_id)

    for reply_id in ("r-1", "r-1", "r-2"):
        await disputes.reply(desk.client, case, a_reply(reply_id))

    assert (await desk.timeline(opened.ticket_id))[1:] == ["reply: It was not us."] * 2


async def test_the_same_request_is_done_once_and_answered_twice(desk: CaseDesk) -> None:
    opened = ticket()
    await disputes.open_dispute(desk.client, Opening(ticket=opened), task_queue=desk.settings.task_queue)
    question = Question(by="agent-1", text="Which key was it?")

    for request_id in ("k-1", "k-1", "k-2"):
        answer = await disputes.ask_customer(desk.client, case_id(opened.ticket_id), question, request_id=request_id)
        assert answer == "the customer is asked"

    assert (await desk.timeline(opened.ticket_id))[1:] == ["agent-1 asked: Which key was it?"] * 2


async def test_a_case_refuses_in_its_own_words(desk: CaseDesk) -> None:
    opened = ticket()
    await disputes.open_dispute(desk.client, Opening(ticket=opened), task_queue=desk.settings.task_queue)
    case, nothing = case_id(opened.ticket_id), Money.zero("USD")
    judgement = Judgement(by="agent-1", resolution=Resolution.BILLING_CORRECT, amount=nothing, reason="later")

    with pytest.raises(BillingFailure, match="amount is more than the invoice") as invalid:
        await disputes.judge(desk.client, case, judgement)
    with pytest.raises(BillingFailure, match="the case is not escalated") as conflict:
        await disputes.de_escalate(desk.client, case, DeEscalation(by="lead-1", reason="why not"))

    assert invalid.value.code is FailureCode.INVALID
    assert conflict.value.code is FailureCode.CONFLICT


async def test_a_case_that_is_over_says_so_and_an_unknown_one_too(desk: CaseDesk) -> None:
    opened = ticket()
    case = case_id(opened.ticket_id)
    await disputes.open_dispute(desk.client, Opening(ticket=opened), task_queue=desk.settings.task_queue)
    await disputes.withdraw(desk.client, case, Withdrawal(by="agent-1"))
    await desk.client.get_workflow_handle(case).result()

    codes = {}
    for name in (case, "dispute/nowhere"):
        with pytest.raises(BillingFailure) as refusal:
            await disputes.ask_customer(desk.client, name, Question(by="agent-1", text="Which key?"))
        codes[name] = refusal.value.code

    assert codes == {case: FailureCode.CONFLICT, "dispute/nowhere": FailureCode.NOT_FOUND}


async def test_without_temporal_every_call_says_unavailable() -> None:
    client = await connect(Settings(temporal_address=NOBODY_LISTENS))
    case = "dispute/T-1"

    calls = [
        disputes.open_dispute(client, Opening(ticket=ticket())),
        disputes.is_taken(client, case),
        disputes.reply(client, case, a_reply("r-1")),
        disputes.withdraw(client, case, Withdrawal(by="agent-1")),
        disputes.story(client, case),
    ]
    codes = set()
    for call in calls:
        with pytest.raises(BillingFailure) as failure:
            await call
        codes.add(failure.value.code)

    assert codes == {FailureCode.UNAVAILABLE}
    assert not await answers(client)


async def test_a_reply_needs_no_worker_but_a_question_does(
    desk: CaseDesk, monkeypatch: pytest.MonkeyPatch, temporal_environment: object
) -> None:
    monkeypatch.setattr(disputes, "PATIENCE", disputes.PATIENCE / 10)
    opened = ticket()
    await disputes.open_dispute(desk.client, Opening(ticket=opened), task_queue="nobody-polls-this")
    case = case_id(opened.ticket_id)

    await disputes.reply(desk.client, case, a_reply("r-1"))
    with pytest.raises(BillingFailure) as failure:
        await disputes.ask_customer(desk.client, case, Question(by="agent-1", text="Which key?"))

    assert failure.value.code is FailureCode.UNAVAILABLE
    await _end(desk.client, case)


async def test_a_case_whose_workers_fail_one_after_the_other_can_be_told_again_later(
    desk: CaseDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disputes, "PATIENCE", disputes.PATIENCE / 10)
    opened = ticket()
    case = case_id(opened.ticket_id)
    handle = desk.client.get_workflow_handle(case)
    question = Question(by="agent-1", text="Which key?")

    async with Worker(
        desk.client, task_queue="nothing-works-here", workflows=[Broken], workflow_runner=UnsandboxedWorkflowRunner()
    ):
        await disputes.open_dispute(desk.client, Opening(ticket=opened), task_queue="nothing-works-here")
        while (await handle.describe()).raw_description.pending_workflow_task.attempt < REFUSED_FROM_ATTEMPT:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)
        with pytest.raises(BillingFailure, match="try again soon") as failure:
            await disputes.ask_customer(desk.client, case, question)

    assert failure.value.code is FailureCode.UNAVAILABLE
    await _end(desk.client, case)


def test_the_names_we_send_are_the_ones_the_runbook_answers_to() -> None:
    runbook = workflow._Definition.must_from_class(Dispute)

    assert runbook.name == disputes.RUNBOOK
    assert disputes.CUSTOMER_REPLIED in runbook.signals
    assert disputes.STORY in runbook.queries
    assert {
        disputes.ASK_CUSTOMER,
        disputes.WITHDRAW,
        disputes.JUDGE,
        disputes.DE_ESCALATE,
        disputes.TRY_AGAIN,
        disputes.DECIDE,
    } == set(runbook.updates)


async def _end(client: Client, case: str) -> None:
    """Nobody works on it, so nobody else will end it."""
    await client.get_workflow_handle(case).terminate()
