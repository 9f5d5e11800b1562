"""The desk of an invoice correction: what people may say to one, and how it shows itself.

Validators refuse before history records anything; whatever moves money is checked again in the database.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.credits import Credits, Retraction
from activities.invoice_correction import OpenedCorrection, ProposalOfCorrection
from activities.operators import Operators, Permission
from billing.authority import MAY_CORRECT_INVOICES, RUNBOOK
from billing.cases import DecisionReceipt, SignedDecision
from billing.failures import FailureCode
from billing.invoice_corrections import CorrectionOrder, CorrectionReceipt, CorrectionStory, Ending, Stage
from billing.month_end import Instruction
from workflows.blocks.approval import ApprovalGate, answered
from workflows.blocks.attempts import Attempts
from workflows.blocks.case import Runbook
from workflows.blocks.correction_story import as_markdown
from workflows.blocks.steps import RECORD, step

_WITHDRAW, _TRY_AGAIN = "withdraw a correction", "let a correction try again"
_OTHERWISE = "withdraw the correction and order it anew"


class InvoiceCorrectionDesk(Runbook):
    """State and messages of one correction; the procedure itself is in `workflows.invoice_correction`."""

    def __init__(self, order: CorrectionOrder) -> None:
        super().__init__()
        self.order = order
        self.stage, self.next_step = Stage.OPEN, "look at the invoice"
        self.gate = ApprovalGate(order.case_id)
        self.attempts = Attempts()
        self.opened: OpenedCorrection | None = None
        self.proposal: ProposalOfCorrection | None = None
        self.receipt: CorrectionReceipt | None = None
        self.withdrawn: Instruction | None = None
        self.approved_by = RUNBOOK
        self.ending: Ending | None = None
        self.revision = self.hand_overs = 0
        # From the last moment at which people could take it back.
        self.committed = False
        # False from the moment something is handed over, or put off, until somebody repaired the cause.
        self.repaired = True
        # Carrying out was handed over: unless it may have left, it can still be taken back.
        self.stuck = False

    @workflow.update(description="Give the correction up before it is carried out, for a reason")
    async def withdraw(self, order: Instruction) -> str:
        await self._permitted(order, _WITHDRAW)
        if self.stuck and self.proposal:
            self.committed = not await self.taken_back(f"withdrawn by {order.by}")
        self._refuse_once_committed()
        self.withdrawn = order
        self.note(f"withdrawn by {order.by}: {order.reason}")
        return "withdrawn"

    @withdraw.validator
    def _may_withdraw(self, order: Instruction) -> None:
        if not self.stuck:
            self._refuse_once_committed()
        self._refuse_too_many(_WITHDRAW)

    @workflow.update(description="The cause is repaired: go on with what was handed over")
    async def try_again(self, order: Instruction) -> str:
        await self._permitted(order, _TRY_AGAIN)
        self._refuse_unless_waiting_for_repair()
        self.repaired = True
        self.note(f"{order.by} repaired the cause: {order.reason}")
        return "trying again"

    @try_again.validator
    def _may_try_again(self, order: Instruction) -> None:
        self._refuse_unless_waiting_for_repair()
        self._refuse_too_many(_TRY_AGAIN)

    @workflow.update(description="A signed answer to the open approval question")
    async def decide(self, decision: SignedDecision) -> DecisionReceipt:
        receipt = await self.gate.take(decision)
        self.note(answered(decision, receipt))
        return receipt

    @decide.validator
    def _is_about_this_correction(self, decision: SignedDecision) -> None:
        self.gate.refuse_strangers(decision)
        if self.opened is None:
            raise _conflict("the correction is still being opened and asks nothing yet")
        at_most = self.opened.policy.approvals.refusals_at_most
        self.gate.refuse_beyond(at_most, decision, instead=_OTHERWISE)

    @workflow.query(description="Stage, next step, money, open question and timeline; times are moments")
    def story(self) -> CorrectionStory:
        return CorrectionStory(
            case_id=self.order.case_id,
            deed=self.order.deed,
            number=self.opened.number if self.opened else self.order.invoice,
            tenant_id=self.opened.tenant_id if self.opened else "",
            stage=self.stage,
            next_step=self.next_step,
            needs_human=self.needs_human,
            amount=self.proposal.amount if self.proposal else None,
            preview=self.proposal.preview if self.proposal else None,
            statements=self.proposal.statements if self.proposal else (),
            approval=self.gate.pending,
            receipt=self.receipt,
            ending=self.ending,
            timeline=tuple(self.timeline.lines),
        )

    @property
    def case(self) -> OpenedCorrection:
        """As it was opened; asked only after that."""
        assert self.opened is not None  # noqa: S101 - asked only after the correction was opened
        return self.opened

    def enter(self, stage: Stage, next_step: str, *, needs_human: bool = False) -> None:
        """Move on, visibly."""
        self.stage, self.next_step, self.needs_human = stage, next_step, needs_human
        self.show()

    def show(self) -> None:
        """Bring the details and the search attributes of the Temporal UI up to date."""
        workflow.set_current_details(as_markdown(self.story()))
        self.labels.show(stage=self.stage.value, next_action_at=self.gate.next_reminder, needs_human=self.needs_human)

    async def taken_back(self, why: str) -> bool:
        """Take the proposal back, if there is one; False when it may have left and stays as it is."""
        if self.proposal is None:
            return True
        retraction = Retraction(op_key=self.proposal.op_key, why=why)
        return await step(Credits.withdraw, retraction, allowance=RECORD, summary="take the proposal back")

    async def _permitted(self, order: Instruction, deed: str) -> None:
        permission = Permission(operator_id=order.by, roles=MAY_CORRECT_INVOICES, deed=deed)
        with self.attempts.counted(deed):
            if problem := await step(Operators.objection, permission, allowance=RECORD, summary="check the permission"):
                raise ApplicationError(problem, type=FailureCode.INVALID, non_retryable=True)

    def _refuse_too_many(self, deed: str) -> None:
        if self.opened is not None:
            self.attempts.refuse_beyond(self.opened.policy.approvals, deed)

    def _refuse_once_committed(self) -> None:
        if self.over or self.withdrawn:
            raise _conflict("too late to withdraw: the correction is over")
        if self.committed:
            raise _conflict(
                f"too late to withdraw: the correction is at {self.stage.value}; order another one to set it right"
            )

    def _refuse_unless_waiting_for_repair(self) -> None:
        if self.repaired:
            raise _conflict(f"nothing was handed over: the correction is at {self.stage.value}, and nothing waits")


def _conflict(words: str) -> ApplicationError:
    return ApplicationError(words, type=FailureCode.CONFLICT, non_retryable=True)
