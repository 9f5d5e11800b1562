"""The desk of a running dispute: what people and machines may send to it, and how it shows itself.

Validators refuse before history records anything; whatever moves money is checked again in the database.
"""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.credits import Credits, ProposalOrder, Proposed, Retraction
from activities.investigation import AssessmentSummary
from activities.operators import Operators, Permission
from billing import notes
from billing.authority import Role
from billing.calendars import BusinessCalendar
from billing.cases import (
    CaseStory,
    CustomerReply,
    DecisionReceipt,
    DeEscalation,
    Ending,
    Judgement,
    OpenedCase,
    Opening,
    Pattern,
    Question,
    SignedDecision,
    Stage,
    TryAgain,
    Withdrawal,
)
from billing.corrections import CreditReceipt
from billing.disputes import case_id
from billing.failures import FailureCode
from workflows.blocks.approval import ApprovalGate, answered
from workflows.blocks.attempts import Attempts
from workflows.blocks.case import Case
from workflows.blocks.clock import SlaClocks
from workflows.blocks.customer import CustomerDialogue, Heard
from workflows.blocks.steps import RECORD, step
from workflows.blocks.story import as_markdown

_DE_ESCALATE = "take an escalation back"


class DisputeDesk(Case):
    """State and messages of one dispute; the procedure itself is in `workflows.dispute`."""

    def __init__(self, opening: Opening) -> None:
        super().__init__()
        self.ticket = opening.ticket
        self.opened: OpenedCase | None = None
        self.stage, self.next_step = Stage.INTAKE, "read the tenant, the invoice and the policy"
        self.clocks = SlaClocks((), BusinessCalendar.without_holidays("UTC"))
        self.customer = CustomerDialogue()
        self.gate = ApprovalGate(case_id(opening.ticket.ticket_id))
        self.attempts = Attempts()
        self.assessment: AssessmentSummary | None = None
        self.proposed: Proposed | None = None
        self.receipt: CreditReceipt | None = None
        self.judgement: Judgement | None = None
        self.ending: Ending | None = None
        self.revision = 0
        self.hand_overs = 0
        self.escalated = self.in_pattern = self.committed = self.withdrawn = self.judgement_is_new = False
        # People said no to what is proposed, or nothing: only a judgement goes on from there.
        self.turned_down = False
        # False from the moment a step is handed over, or a credit is put off, until somebody repaired the cause.
        self.repaired = True
        # The credit was handed over to a person: unless it may have left, a judgement can still take its place.
        self.stuck = False

    @workflow.update(description="Ask the customer a question; the SLA clocks stop until the answer")
    async def ask_customer(self, question: Question) -> str:
        self.customer.ask(question)
        self.clocks.pause()
        self.note(f"{question.by} asked the customer; the clocks stand still")
        return "the customer is asked"

    @ask_customer.validator
    def _may_ask(self, question: Question) -> None:
        self._refuse_once_committed("ask the customer")
        self.customer.refuse_a_second_question()

    @workflow.signal(description="The customer answered; the same reply counts once")
    def customer_replied(self, reply: CustomerReply) -> None:
        heard = self.customer.hears(reply)
        if heard is Heard.AGAIN or self.over:
            return
        if heard is Heard.ANSWER:
            self.clocks.start(workflow.now())
        self.note(heard.value)

    @workflow.update(description="The customer no longer contests the bill")
    async def withdraw(self, withdrawal: Withdrawal) -> str:
        self.withdrawn = True
        self.note(f"withdrawn{f': {withdrawal.reason}' if withdrawal.reason else ''}")
        return "withdrawn"

    @withdraw.validator
    def _may_withdraw(self, withdrawal: Withdrawal) -> None:
        self._refuse_once_committed("withdraw")

    @workflow.update(description="Resolve by a person's judgement in place of the computed proposal")
    async def judge(self, judgement: Judgement) -> str:
        check = self.order(judgement)
        with self.attempts.counted("judge"):
            if problem := await step(
                Credits.check, check, allowance=RECORD, summary=f"check what {judgement.by} judged"
            ):
                raise ApplicationError(problem, type=FailureCode.INVALID, non_retryable=True)
        if self.stuck and self.proposed and self.proposed.proposal:
            retraction = Retraction(op_key=self.proposed.proposal.request.op_key, why=f"{judgement.by} judged anew")
            if await step(Credits.withdraw, retraction, allowance=RECORD, summary="take the stuck credit back"):
                self.committed = False
        self._refuse_once_committed("judge")
        # What was handed over, if anything, is not waited for any more.
        self.judgement, self.judgement_is_new, self.repaired = judgement, True, True
        self.note(notes.judged(judgement))
        return "the judgement is taken"

    @judge.validator
    def _may_judge(self, judgement: Judgement) -> None:
        if not self.stuck:
            self._refuse_once_committed("judge")
        if self.assessment is None:
            raise ApplicationError("the evidence is not analysed yet: judge once it is", type=FailureCode.CONFLICT)
        self.attempts.refuse_beyond(self.case.policy.approvals, "judge")

    @workflow.update(description="Take an escalation back; the case goes the ordinary way")
    async def de_escalate(self, order: DeEscalation) -> str:
        permission = Permission(operator_id=order.by, roles=(Role.LEAD, Role.VP), deed=_DE_ESCALATE)
        with self.attempts.counted(permission.deed):
            if problem := await step(Operators.objection, permission, allowance=RECORD, summary="check the permission"):
                raise ApplicationError(problem, type=FailureCode.INVALID, non_retryable=True)
        self.escalated = False
        self.note(f"{order.by} took the escalation back: {order.reason}")
        return "no longer escalated"

    @de_escalate.validator
    def _may_de_escalate(self, order: DeEscalation) -> None:
        if not self.escalated:
            raise ApplicationError("the case is not escalated", type=FailureCode.CONFLICT)
        if self.opened is not None:
            self.attempts.refuse_beyond(self.case.policy.approvals, _DE_ESCALATE)

    @workflow.signal(description="A later case shows that this one is part of a pattern: it is escalated too")
    def joins_pattern(self, pattern: Pattern) -> None:
        if self.in_pattern or self.over:
            return
        self.in_pattern = True
        deed = "part of a pattern" if self.escalated else "escalated"
        self.escalated = True
        self.note(f"{deed}: {pattern.shown_by} contests the same and makes it a pattern")

    @workflow.update(description="The cause is repaired: go on with the step that was handed over")
    async def try_again(self, order: TryAgain) -> str:
        self.repaired = True
        self.note(f"{order.by} repaired the cause: {order.reason}")
        return "trying again"

    @try_again.validator
    def _may_try_again(self, order: TryAgain) -> None:
        in_doubt = self.stage is Stage.CREDIT and self.receipt is None
        if self.repaired or not (self.needs_human or in_doubt):
            raise ApplicationError(
                f"nothing was handed over: the case is at {self.stage.value}, and no step waits for a repair",
                type=FailureCode.CONFLICT,
            )

    @workflow.update(description="A signed answer to the open approval question")
    async def decide(self, decision: SignedDecision) -> DecisionReceipt:
        receipt = await self.gate.take(decision)
        self.note(answered(decision, receipt))
        return receipt

    @decide.validator
    def _is_about_this_case(self, decision: SignedDecision) -> None:
        self.gate.refuse_strangers(decision)
        if self.opened is None:
            raise ApplicationError("the case is still being opened and asks nothing yet", type=FailureCode.CONFLICT)
        self.gate.refuse_beyond(self.opened.policy.approvals.refusals_at_most, decision)

    @workflow.query(description="Stage, next step, clocks, money and timeline; times are moments, never remaining time")
    def story(self) -> CaseStory:
        return CaseStory(
            case_id=case_id(self.ticket.ticket_id),
            tenant_id=self.ticket.tenant_id,
            tier=self.opened.tenant.tier if self.opened and self.opened.tenant else "",
            category=self.ticket.category,
            severity=self.opened.severity if self.opened else None,
            stage=self.stage,
            next_step=self.next_step,
            needs_human=self.needs_human,
            waiting_for_customer=self.customer.waiting,
            escalated=self.escalated,
            disputed=self.ticket.disputed,
            proposed=self.proposed.outcome.credit if self.proposed else None,
            credited=self.receipt.amount if self.receipt else None,
            ending=self.ending,
            approval=self.gate.pending,
            clocks=self.clocks.views(),
            timeline=tuple(self.timeline.lines),
        )

    def show(self) -> None:
        """Bring the details and the search attributes of the Temporal UI up to date."""
        workflow.set_current_details(as_markdown(self.story()))
        self.labels.show(
            stage="waiting for customer" if self.customer.waiting else self.stage.value,
            due_at=self.clocks.next_due(),
            next_action_at=self._next_action(),
            needs_human=self.needs_human,
        )

    def order(self, judgement: Judgement | None) -> ProposalOrder:
        """What the next proposal rests on."""
        if self.assessment is None:
            raise ApplicationError("the evidence is not analysed yet", type=FailureCode.CONFLICT)
        return ProposalOrder(
            case=self.case,
            assessment_id=self.assessment.assessment_id,
            revision=self.revision,
            escalated=self.escalated,
            judgement=judgement,
        )

    def superseded(self) -> bool:
        """Whether something else is to be proposed: a person judged anew, or an escalation on which the proposal hinged
        came or was taken back before anybody said no."""
        outcome = self.proposed.outcome if self.proposed and not self.turned_down else None
        return self.judgement_is_new or bool(outcome and not outcome.stands(escalated=self.escalated))

    def _next_action(self) -> datetime | None:
        moments = (self.gate.next_reminder, self.customer.closes_at)
        return min((moment for moment in moments if moment), default=None)

    def _refuse_once_committed(self, deed: str) -> None:
        if self.committed or self.over:
            raise ApplicationError(
                f"too late to {deed}: the case is at {self.stage.value}; re-open it afterwards if need be",
                type=FailureCode.CONFLICT,
            )
