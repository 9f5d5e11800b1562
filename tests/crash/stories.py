"""The two stories in which every activity of the dispute occurs; both end with the same credit of 60.00.

People in them act as soon as they can, and what they do never depends on whether a worker lives.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from adapters.operator_keys import sign
from adapters.postgres.engine import transaction
from adapters.postgres.tables import approvals, effects
from billing.cases import (
    CustomerReply,
    DeEscalation,
    Ending,
    Judgement,
    Opening,
    Question,
    SignedDecision,
    Stage,
    Verdict,
)
from billing.disputes import Category, Requester, Resolution, Ticket
from billing.money import Money
from billing.policy.disputes import ApprovalPolicy
from billing.policy.standard import STANDARD
from tests.crash.company import Company, looking
from tests.crash.plan import Tale
from tests.workflows.world import METER, PERIOD
from workflows.blocks.attributes import NEEDS_HUMAN, STAGE
from workflows.dispute import Dispute

# A workflow task that died with its worker is given to the next one after this long.
TASK_TIMEOUT = timedelta(seconds=1)
DUPLICATED, CREDIT = 600, Money.of("60.00", "USD")

# Several customers at once must not look like one defect that touches them all, or engineering would be asked, too: only
# what is found from tomorrow on counts as the same.
UNRELATED = STANDARD.model_copy(
    update={
        "version": f"{STANDARD.version}-unrelated",
        "disputes": STANDARD.disputes.model_copy(update={"pattern_window": timedelta(days=-1)}),
    }
)
# A question climbs and expires in one go, so that no reminder falls in between; asking it takes seconds on a busy machine.
UNANSWERED_FOR, A_MOMENT = timedelta(seconds=6), timedelta(milliseconds=1)
IMPATIENT = UNRELATED.model_copy(
    update={
        "version": f"{STANDARD.version}-impatient",
        "approvals": ApprovalPolicy(
            remind_every=UNANSWERED_FOR - A_MOMENT,
            escalate_after=UNANSWERED_FOR - A_MOMENT,
            expire_after=UNANSWERED_FOR,
            refusals_at_most=STANDARD.approvals.refusals_at_most,
        ),
    }
)
POLICIES = {Tale.LONG_WAY: UNRELATED, Tale.SILENCE: IMPATIENT}


@dataclass(frozen=True)
class Expectation:
    """What must exist once a story has ended, whatever died on the way."""

    credited_by: str
    """The step of the one proposal that was carried out."""
    questions: dict[str, str]
    """How each approval question ended, by step."""
    letters: Counter[str]
    """How many letters there are of each template; a letter to operators goes to both leads."""


LONG_WAY = Expectation(
    credited_by="r1.2",
    questions={"r1.1": "withdrawn", "r1.2": "approved"},
    letters=Counter(
        dispute_acknowledged=1, case_escalated=2, approval_requested=4, customer_asked=1, dispute_resolved=1
    ),
)
SILENCE = Expectation(
    credited_by="r1.2",
    questions={"r1.1": "expired", "r1.2": "approved"},
    letters=Counter(dispute_acknowledged=1, approval_requested=4, judgement_needed=2, dispute_resolved=1),
)
EXPECTED = {Tale.LONG_WAY: LONG_WAY, Tale.SILENCE: SILENCE}


@dataclass
class Case:
    """One dispute as the people around it see it."""

    company: Company
    ticket: Ticket
    handle: WorkflowHandle[Any, Ending]

    async def question(self, step: str) -> Any:
        """The open approval question about the proposal of that step, as soon as there is one."""
        asked = (
            select(approvals.c.approval_id, approvals.c.request_sha256)
            .join(effects, effects.c.op_key == approvals.c.op_key)
            .where(approvals.c.state == "open", effects.c.case_id == self.handle.id)
            .where(effects.c.request["step"].astext == step)
        )
        async for _ in looking():
            if found := await asyncio.to_thread(self._one, asked):
                return found
        return None

    async def has_asked(self) -> None:
        """Return once the case itself knows of its question and writes to whom it asks: a worker that was killed right
        after asking leaves a question in the books that the case is yet to hear of."""
        asking = select(effects.c.op_key).where(
            effects.c.case_id == self.handle.id,
            effects.c.request["payload"]["template"].astext == "approval_requested",
        )
        async for _ in looking():
            if await asyncio.to_thread(self._one, asking.limit(1)):
                return

    async def stands_at(self, stage: Stage) -> None:
        """Return once the case is at a stage, as the lists of cases show it."""
        async for _ in looking():
            if (await self._labels()).get(STAGE) == stage:
                return

    async def ends(self) -> Ending | None:
        """How it ended; None when the credit was handed over to a person: nobody in these stories repairs anything."""
        ended = asyncio.ensure_future(self.handle.result())
        async for _ in looking():
            labels = {} if ended.done() else await self._labels()
            if ended.done():
                return Ending(ended.result())
            if labels.get(STAGE) == Stage.CREDIT and labels.get(NEEDS_HUMAN):
                ended.cancel()
                return None
        return None

    async def customer_is_asked_and_answers(self) -> None:
        question = Question(by="agent-1", text="Which of your systems made the calls on the tenth?")
        await self.is_told(Dispute.ask_customer, question, "question")
        reply = CustomerReply(reply_id="reply-1", text="The nightly batch.", received_at=datetime.now(UTC))
        await self.handle.signal(Dispute.customer_replied, reply)

    async def escalation_is_taken_back(self) -> None:
        order = DeEscalation(by="lead-1", reason="known to the team")
        await self.is_told(Dispute.de_escalate, order, "de-escalation")

    async def is_judged(self) -> None:
        judgement = Judgement(
            by="agent-1", resolution=Resolution.CUSTOMER_CORRECT, amount=CREDIT, reason="the batch was counted twice"
        )
        await self.is_told(Dispute.judge, judgement, "judgement")

    async def is_approved(self, step: str) -> None:
        question = await self.question(step)
        decision = SignedDecision(
            approval_id=question.approval_id,
            request_sha256=question.request_sha256,
            verdict=Verdict.APPROVE,
            operator_id="lead-1",
            decided_at=datetime.now(UTC),
        )
        signed = sign(decision, self.company.world.tokens["lead-1"])
        receipt = await self.is_told(Dispute.decide, signed, f"decision/{step}")
        assert receipt.accepted, receipt.message

    async def is_told(self, update: Any, message: Any, update_id: str) -> Any:
        """Tell the case something, again under the same id while it has lost one worker after the other."""
        async for _ in looking():
            try:
                return await self.handle.execute_update(update, message, id=update_id)
            except RPCError as refusal:
                if refusal.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
        return None

    async def _labels(self) -> Any:
        return (await self.handle.describe()).typed_search_attributes

    def _one(self, query: Select[Any]) -> Any:
        with transaction(self.company.engine) as connection:
            return connection.execute(query).one_or_none()


async def ticket_arrives(company: Company, tenant_id: str, *, security_concern: bool) -> Case:
    """A customer contests the 60.00 that were billed twice."""
    ticket = Ticket(
        ticket_id=f"T-{company.name}-{tenant_id}",
        tenant_id=tenant_id,
        period=PERIOD,
        meters=(METER,),
        category=Category.USAGE_CALCULATION,
        billed_amount="430.00",
        claimed_amount="370.00",
        currency="USD",
        requester=Requester(name="Accounts", email=f"accounts@{tenant_id}.example"),
        opened_at=datetime.now(UTC),
        security_concern=security_concern,
    )
    handle = await company.ground.temporal.start_workflow(
        Dispute.run,
        Opening(ticket=ticket),
        id=f"dispute/{ticket.ticket_id}",
        task_queue=company.surroundings.queue,
        task_timeout=TASK_TIMEOUT,
    )
    return Case(company, ticket, handle)


async def the_long_way(case: Case) -> None:
    """Escalated, asked, de-escalated, judged over an open question (so the first proposal is withdrawn), approved."""
    await case.question("r1.1")
    await case.has_asked()
    await case.customer_is_asked_and_answers()
    await case.escalation_is_taken_back()
    await case.is_judged()
    await case.is_approved("r1.2")


async def nobody_answers(case: Case) -> None:
    """The first question climbs and expires; then an analyst judges and the lead approves."""
    await case.stands_at(Stage.JUDGE)
    await case.is_judged()
    await case.is_approved("r1.2")


async def open_case(company: Company, tale: Tale, tenant_id: str = "acme") -> Case:
    """The customer's ticket, with what the tale needs of the customer."""
    await asyncio.to_thread(company.tenant, tenant_id, DUPLICATED, POLICIES[tale])
    return await ticket_arrives(company, tenant_id, security_concern=tale is Tale.LONG_WAY)


async def people_act(case: Case, tale: Tale) -> None:
    """Everything that people do in the tale, up to the last of it."""
    await {Tale.LONG_WAY: the_long_way, Tale.SILENCE: nobody_answers}[tale](case)
