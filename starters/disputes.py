"""Starting a dispute and everything people may say to one.

Cases are addressed by the names they answer to, not through the runbook's class: whoever only starts and asks needs
neither the runbook's code nor its version. A test holds these names against the runbook. Every call raises
BillingFailure: UNAVAILABLE when Temporal or its workers do not answer, NOT_FOUND, CONFLICT or INVALID with the reason.
"""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from billing.cases import (
    CaseStory,
    CustomerReply,
    DecisionReceipt,
    DeEscalation,
    Ending,
    Judgement,
    Opening,
    Question,
    SignedDecision,
    TryAgain,
    Withdrawal,
)
from billing.disputes import Ticket, case_id
from billing.failures import BillingFailure, FailureCode
from starters.card_numbers import without_card_numbers
from starters.connect import PATIENCE, reaching_temporal
from starters.speaking import ask, tell

RUNBOOK = "dispute"
TASK_QUEUE = "billing-runbooks"

CUSTOMER_REPLIED = "customer_replied"
ASK_CUSTOMER = "ask_customer"
WITHDRAW = "withdraw"
JUDGE = "judge"
DE_ESCALATE = "de_escalate"
TRY_AGAIN = "try_again"
DECIDE = "decide"
STORY = "story"


class CaseHandle(BaseModel):
    """The case a ticket belongs to; `created` False: it was there before, running or closed."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    created: bool


async def open_dispute(client: Client, opening: Opening, *, task_queue: str = TASK_QUEUE) -> CaseHandle:
    """Start the case of a ticket, durably once this returns; the same ticket again is the same case (U1).

    A re-opening starts the next round of a closed case; it raises CONFLICT while the case is open.
    """
    again = opening.reopening is not None
    case = case_id(opening.ticket.ticket_id)
    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE if again else WorkflowIDReusePolicy.REJECT_DUPLICATE
    try:
        await _start(client, opening, case, task_queue, reuse)
    except WorkflowAlreadyStartedError:
        if again:
            raise BillingFailure(FailureCode.CONFLICT, f"{case} is still open: nothing to re-open") from None
        return CaseHandle(case_id=case, created=await _look_again(client, opening, case, task_queue))
    return CaseHandle(case_id=case, created=True)


async def _start(client: Client, opening: Opening, case: str, task_queue: str, reuse: WorkflowIDReusePolicy) -> None:
    with reaching_temporal(case):
        await client.start_workflow(
            RUNBOOK,
            without_card_numbers(opening),
            id=case,
            task_queue=task_queue,
            id_reuse_policy=reuse,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            static_summary=_summary(opening.ticket),
            rpc_timeout=PATIENCE,
        )


async def _look_again(client: Client, opening: Opening, case: str, task_queue: str) -> bool:
    """A ticket that was turned away as unusable gets a fresh look when it comes again, perhaps corrected."""
    if await is_taken(client, case):
        return False
    try:
        await _start(client, opening, case, task_queue, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
    except WorkflowAlreadyStartedError:  # the same ticket, delivered twice at the same moment
        return False
    return True


async def is_taken(client: Client, case: str) -> bool:
    """Whether Temporal knows a case of this name, open or closed, other than one that was turned away as unusable.

    Temporal forgets closed cases after its retention time; the register keeps them.
    """
    try:
        with reaching_temporal(case):
            handle = client.get_workflow_handle(case, result_type=str)
            described = await handle.describe(rpc_timeout=PATIENCE)
            if described.status is not WorkflowExecutionStatus.COMPLETED:
                return True
            return bool(await handle.result(rpc_timeout=PATIENCE) != Ending.NOT_ACCEPTED)
    except BillingFailure as failure:
        if failure.code is FailureCode.NOT_FOUND:
            return False
        raise


async def reply(client: Client, case: str, answer: CustomerReply) -> None:
    """Hand over what the customer wrote; it needs no worker, and the same `reply_id` counts once."""
    with reaching_temporal(case):
        await client.get_workflow_handle(case).signal(
            CUSTOMER_REPLIED, without_card_numbers(answer), rpc_timeout=PATIENCE
        )


async def ask_customer(client: Client, case: str, question: Question, *, request_id: str | None = None) -> str:
    """Ask the customer something; the SLA clocks stand still until the answer (D12)."""
    return await tell(client, case, ASK_CUSTOMER, question, str, request_id)


async def withdraw(client: Client, case: str, withdrawal: Withdrawal, *, request_id: str | None = None) -> str:
    """End the case because the customer no longer contests the bill."""
    return await tell(client, case, WITHDRAW, withdrawal, str, request_id)


async def judge(client: Client, case: str, judgement: Judgement, *, request_id: str | None = None) -> str:
    """Put a person's resolution in place of the computed one (D6)."""
    return await tell(client, case, JUDGE, judgement, str, request_id)


async def de_escalate(client: Client, case: str, wish: DeEscalation, *, request_id: str | None = None) -> str:
    """Take an escalation back."""
    return await tell(client, case, DE_ESCALATE, wish, str, request_id)


async def try_again(client: Client, case: str, wish: TryAgain, *, request_id: str | None = None) -> str:
    """Let a case go on whose step was handed over, once its cause is repaired."""
    return await tell(client, case, TRY_AGAIN, wish, str, request_id)


async def decide(client: Client, case: str, decision: SignedDecision) -> DecisionReceipt:
    """Hand in a signed decision (U3); the same person's same decision again returns its first receipt."""
    facts = (decision.approval_id, decision.operator_id, decision.verdict.value, decision.request_sha256)
    return await tell(client, case, DECIDE, decision, DecisionReceipt, _digest(*facts))


async def story(client: Client, case: str) -> CaseStory:
    """What the case tells of itself, as of its last step."""
    return await ask(client, case, STORY, CaseStory)


def _summary(ticket: Ticket) -> str:
    """The line the Temporal UI shows beside the id; nothing personal, since it is not encrypted."""
    return f"{ticket.category.value.replace('_', ' ')}, {ticket.tenant_id}, {ticket.period}"


def _digest(*facts: str) -> str:
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
