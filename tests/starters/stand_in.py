"""A dispute that only listens: it takes every message of the real one at once and remembers what it was told."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

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
    Stage,
    StoryLine,
    TryAgain,
    Withdrawal,
)
from billing.disputes import case_id


@workflow.defn(name="dispute")
class StandIn:
    """Ends when it is withdrawn; refuses a judgement for `later`, a second repair and everything signed by a stranger."""

    @workflow.init
    def __init__(self, opening: Opening) -> None:
        self.ticket = opening.ticket
        self.replies: set[str] = set()
        self.lines: list[StoryLine] = []
        self.ending: Ending | None = None
        self.repaired = False
        again = f" again: {opening.reopening.reason}" if opening.reopening else ""
        self.note(f"opened{again}: {opening.ticket.description}")

    def note(self, text: str) -> None:
        self.lines.append(StoryLine(at=workflow.now(), text=text))

    @workflow.run
    async def run(self, opening: Opening) -> Ending:
        await workflow.wait_condition(lambda: self.ending is not None)
        await workflow.wait_condition(workflow.all_handlers_finished)
        assert self.ending is not None
        return self.ending

    @workflow.signal
    def customer_replied(self, reply: CustomerReply) -> None:
        if reply.reply_id not in self.replies:
            self.replies.add(reply.reply_id)
            self.note(f"reply: {reply.text}")

    @workflow.update
    async def ask_customer(self, question: Question) -> str:
        self.note(f"{question.by} asked: {question.text}")
        return "the customer is asked"

    @workflow.update
    async def withdraw(self, withdrawal: Withdrawal) -> str:
        self.note(f"withdrawn by {withdrawal.by}: {withdrawal.reason}")
        self.ending = Ending.WITHDRAWN
        return "withdrawn"

    @workflow.update
    async def judge(self, judgement: Judgement) -> str:
        if judgement.reason == "later":
            raise ApplicationError("amount is more than the invoice", type="invalid")
        self.note(f"{judgement.by} judged {judgement.resolution} with {judgement.amount}")
        return "the judgement is taken"

    @workflow.update
    async def de_escalate(self, order: DeEscalation) -> str:
        raise ApplicationError("the case is not escalated", type="conflict")

    @workflow.update
    async def try_again(self, order: TryAgain) -> str:
        self.repaired = True
        self.note(f"{order.by} repaired: {order.reason}")
        return "trying again"

    @try_again.validator
    def _may_try_again(self, order: TryAgain) -> None:
        if self.repaired:
            raise ApplicationError("nothing was handed over", type="conflict")

    @workflow.update
    async def decide(self, decision: SignedDecision) -> DecisionReceipt:
        self.note(f"{decision.operator_id}: {decision.verdict}")
        return DecisionReceipt(
            accepted=decision.reason != "not mine",
            approval_id=decision.approval_id,
            verdict=decision.verdict,
            operator_id=decision.operator_id,
            message=f"{decision.verdict} by {decision.operator_id}",
        )

    @workflow.query
    def story(self) -> CaseStory:
        return CaseStory(
            case_id=case_id(self.ticket.ticket_id),
            tenant_id=self.ticket.tenant_id,
            tier="pro",
            category=self.ticket.category,
            severity=None,
            stage=Stage.CLOSED if self.ending else Stage.COLLECT,
            next_step="nothing" if self.ending else "wait",
            needs_human=False,
            waiting_for_customer=False,
            escalated=False,
            disputed=self.ticket.disputed,
            ending=self.ending,
            timeline=tuple(self.lines),
        )


@workflow.defn(name="dispute")
class Broken:
    """A dispute whose every workflow task fails, as after a deploy with a mistake in it."""

    @workflow.run
    async def run(self, opening: Opening) -> Ending:
        raise RuntimeError("a mistake in the code")
