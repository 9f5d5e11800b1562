"""The desk of a retention purge: what people may say to one, and how it shows itself."""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.operators import Operators, Permission
from billing.authority import MAY_CONFIRM_PURGES, MAY_REPAIR_PURGES, Role
from billing.cases import DecisionReceipt, SignedDecision
from billing.failures import FailureCode
from billing.month_end import Instruction
from billing.retention import Confirmation, Ending, OpenedPurge, Progress, PurgeOrder, PurgeStory, Stage, objection_to
from workflows.blocks.approval import ApprovalGate
from workflows.blocks.attempts import Attempts
from workflows.blocks.case import Runbook
from workflows.blocks.steps import RECORD, step
from workflows.blocks.story import latest_lines, open_question

_CONFIRM, _TRY_AGAIN = "confirm a purge", "let a purge try again"


class RetentionDesk(Runbook):
    """State and messages of one purge; the procedure itself is in `workflows.retention`."""

    def __init__(self, order: PurgeOrder) -> None:
        super().__init__()
        self.order = order
        self.stage, self.next_step = Stage.PLAN, "count what would go"
        self.gate = ApprovalGate(order.case_id)
        self.attempts = Attempts()
        self.opened: OpenedPurge | None = None
        self.confirm_by: datetime | None = None
        self.confirmation: Confirmation | None = None
        self.progress: Progress | None = None
        self.ending: Ending | None = None
        self.hand_overs = 0
        # False from the moment something is handed over until somebody repaired the cause.
        self.repaired = True

    @property
    def purge(self) -> OpenedPurge:
        """As it was opened; asked only after that."""
        assert self.opened is not None  # noqa: S101 - asked only after the plan was made
        return self.opened

    def enter(self, stage: Stage, next_step: str, *, needs_human: bool = False) -> None:
        """Move on, visibly."""
        self.stage, self.next_step, self.needs_human = stage, next_step, needs_human
        self.show()

    @workflow.update(description="Confirm the plan by its hash and the word CONFIRM")
    async def confirm(self, confirmation: Confirmation) -> str:
        await self._permitted(confirmation.by, MAY_CONFIRM_PURGES, _CONFIRM)
        self._refuse_unless_asked()
        self.confirmation = confirmation
        self.note(f"{confirmation.by} confirmed the plan")
        return f"confirmed: {self.purge.policy.approved_by[0]} decides about it next"

    @confirm.validator
    def _may_confirm(self, confirmation: Confirmation) -> None:
        self._refuse_unless_asked()
        if why := objection_to(confirmation, self.purge.plan.sha256):
            raise ApplicationError(why, type=FailureCode.INVALID, non_retryable=True)
        self.attempts.refuse_beyond(self.purge.policy.approvals, _CONFIRM)

    @workflow.update(description="A signed answer to the question whether the plan may be carried out")
    async def decide(self, decision: SignedDecision) -> DecisionReceipt:
        receipt = await self.gate.take(decision)
        deed = receipt.message if receipt.accepted else f"may not {decision.verdict}: {receipt.message}"
        who = "" if receipt.accepted else f"{decision.operator_id} "
        self.note(f"{who}{deed}{f' ({decision.reason})' if decision.reason else ''}")
        return receipt

    @decide.validator
    def _is_about_this_purge(self, decision: SignedDecision) -> None:
        self.gate.refuse_strangers(decision)
        if self.opened is None:
            raise _conflict("the plan is still being made and asks nothing yet")
        self.gate.refuse_beyond(
            self.opened.policy.approvals.refusals_at_most, decision, instead="make another plan and confirm that"
        )

    @workflow.update(description="The cause is repaired: go on with what was handed over")
    async def try_again(self, order: Instruction) -> str:
        await self._permitted(order.by, MAY_REPAIR_PURGES, _TRY_AGAIN)
        self._refuse_unless_waiting_for_repair()
        self.repaired = True
        self.note(f"{order.by} repaired the cause: {order.reason}")
        return "trying again"

    @try_again.validator
    def _may_try_again(self, order: Instruction) -> None:
        self._refuse_unless_waiting_for_repair()
        if self.opened is not None:
            self.attempts.refuse_beyond(self.opened.policy.approvals, _TRY_AGAIN)

    @workflow.query(description="Stage, next step, plan, open question and timeline; times are moments")
    def story(self) -> PurgeStory:
        return PurgeStory(
            case_id=self.order.case_id,
            stage=self.stage,
            next_step=self.next_step,
            needs_human=self.needs_human,
            plan=self.opened.plan if self.opened else None,
            confirm_by=self.confirm_by,
            approval=self.gate.pending,
            progress=self.progress,
            ending=self.ending,
            timeline=tuple(self.timeline.lines),
        )

    def show(self) -> None:
        workflow.set_current_details(as_markdown(self.story()))
        self.labels.show(
            stage=self.stage.value,
            due_at=self.confirm_by,
            next_action_at=self.gate.next_reminder,
            needs_human=self.needs_human,
        )

    async def _permitted(self, by: str, roles: tuple[Role, ...], deed: str) -> None:
        permission = Permission(operator_id=by, roles=roles, deed=deed)
        with self.attempts.counted(deed):
            if problem := await step(Operators.objection, permission, allowance=RECORD, summary="check the permission"):
                raise ApplicationError(problem, type=FailureCode.INVALID, non_retryable=True)

    def _refuse_unless_asked(self) -> None:
        if self.confirmation is not None:
            raise _conflict(f"{self.confirmation.by} has confirmed the plan already")
        if self.stage is not Stage.CONFIRM:
            raise _conflict(f"nothing is to be confirmed: the purge is at {self.stage.value}")

    def _refuse_unless_waiting_for_repair(self) -> None:
        if self.repaired:
            raise _conflict(f"nothing was handed over: the purge is at {self.stage.value}, and nothing waits")


def as_markdown(story: PurgeStory) -> str:
    """Stage, plan, open question, progress and the latest lines of the timeline; due moments, never remaining time."""
    parts = [
        f"## {story.stage.value}{' · needs a person' if story.needs_human else ''}",
        f"**Next:** {story.next_step}",
        f"**Plan:** {story.plan.in_words}, hash `{story.plan.sha256}`" if story.plan else "",
        _to_confirm(story),
        open_question(story.approval),
        f"**Gone:** {story.progress.gone:,} of {story.progress.total:,} rows" if story.progress else "",
        latest_lines(story.timeline),
    ]
    return "\n\n".join(part for part in parts if part)


def _to_confirm(story: PurgeStory) -> str:
    if story.confirm_by is None:
        return ""
    name = story.case_id.partition("/")[2]
    return (
        f"**Waits for a confirmation** until {story.confirm_by:%a %d %b %H:%M} UTC. Look at it first:\n\n"
        f"`runbooks retention show {name}`"
    )


def _conflict(words: str) -> ApplicationError:
    return ApplicationError(words, type=FailureCode.CONFLICT, non_retryable=True)
