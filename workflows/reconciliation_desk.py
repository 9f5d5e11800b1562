"""The desk of a reconciliation: what people may say to one, and how it shows itself."""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.operators import Operators, Permission
from billing.authority import MAY_VOID_INVOICES
from billing.failures import FailureCode
from billing.reconciliation_report import ReconciliationReport
from billing.reconciling import (
    DuplicatesDecision,
    Ending,
    ReconciliationOrder,
    ReconciliationStory,
    Stage,
)
from workflows.blocks.case import Runbook
from workflows.blocks.steps import RECORD, step
from workflows.blocks.story import latest_lines

_DIFFERENCES_SHOWN = 8


class ReconciliationDesk(Runbook):
    """State and messages of one reconciliation; the procedure itself is in `workflows.reconciliation`."""

    def __init__(self, order: ReconciliationOrder) -> None:
        super().__init__()
        self.order = order
        self.stage, self.next_step = Stage.READ, "open the reconciliation"
        self.read = 0
        self.report: ReconciliationReport | None = None
        self.decide_by: datetime | None = None
        self.decision: DuplicatesDecision | None = None
        self.to_be_voided = False
        self.ending: Ending | None = None

    def enter(self, stage: Stage, next_step: str, *, needs_human: bool = False) -> None:
        """Move on, visibly."""
        self.stage, self.next_step, self.needs_human = stage, next_step, needs_human
        self.show()

    @workflow.update(description="Void the duplicates that were found, for a reason")
    async def void_duplicates(self, decision: DuplicatesDecision) -> str:
        await self._check_permission(decision)
        self.to_be_voided, self.decision = True, decision
        self.note(f"{decision.by} has the duplicates voided: {decision.reason}")
        return "the duplicates are being voided"

    @void_duplicates.validator
    def _may_void(self, decision: DuplicatesDecision) -> None:
        self._refuse_unless_asked()

    @workflow.update(description="Leave the duplicates as they are, for a reason")
    async def leave_duplicates(self, decision: DuplicatesDecision) -> str:
        await self._check_permission(decision)
        self.decision = decision
        self.note(f"{decision.by} leaves the duplicates: {decision.reason}")
        return "the duplicates stay"

    @leave_duplicates.validator
    def _may_leave(self, decision: DuplicatesDecision) -> None:
        self._refuse_unless_asked()

    @workflow.query(description="Stage, next step, report and timeline; times are moments, never remaining time")
    def story(self) -> ReconciliationStory:
        return ReconciliationStory(
            case_id=self.order.case_id,
            period=self.order.period,
            stage=self.stage,
            next_step=self.next_step,
            needs_human=self.needs_human,
            read=self.read,
            report=self.report,
            decide_by=self.decide_by,
            ending=self.ending,
            timeline=tuple(self.timeline.lines),
        )

    def show(self) -> None:
        workflow.set_current_details(as_markdown(self.story()))
        self.labels.show(stage=self.stage.value, due_at=self.decide_by, needs_human=self.needs_human)

    async def _check_permission(self, decision: DuplicatesDecision) -> None:
        permission = Permission(operator_id=decision.by, roles=MAY_VOID_INVOICES, deed="decide about duplicates")
        if problem := await step(Operators.objection, permission, allowance=RECORD, summary="check the permission"):
            raise ApplicationError(problem, type=FailureCode.INVALID, non_retryable=True)
        self._refuse_unless_asked()

    def _refuse_unless_asked(self) -> None:
        if self.decision is not None:
            raise ApplicationError(f"{self.decision.by} has decided already", type=FailureCode.CONFLICT)
        if self.stage is not Stage.DECIDE:
            raise ApplicationError(
                f"nobody is asked about duplicates: the reconciliation is at {self.stage.value}",
                type=FailureCode.CONFLICT,
            )


def as_markdown(story: ReconciliationStory) -> str:
    """Stage, outcome, totals, the gravest differences and the latest lines of the timeline."""
    parts = [
        f"## {story.stage.value}{' · needs a person' if story.needs_human else ''}",
        f"**Next:** {story.next_step}",
        *_found(story),
        _question(story),
        latest_lines(story.timeline),
    ]
    return "\n\n".join(part for part in parts if part)


def _found(story: ReconciliationStory) -> list[str]:
    if story.report is None:
        return []
    totals = [
        f"- {total.internal} in the books, {total.provider} at the provider, {total.apart} apart"
        for total in story.report.totals
    ]
    worst = [f"- {one.in_words()}" for one in story.report.worst[:_DIFFERENCES_SHOWN]]
    lists = [("Totals", totals), ("Differences", worst)]
    return [
        f"**Outcome:** {story.report.in_words()}",
        *("\n".join([f"**{name}**\n", *rows]) for name, rows in lists if rows),
    ]


def _question(story: ReconciliationStory) -> str:
    if story.decide_by is None:
        return ""
    name = story.case_id.partition("/")[2]
    return (
        f"**Waits for finance** until {story.decide_by:%a %d %b %H:%M} UTC.\n\n"
        f"`runbooks reconciliation void-duplicates {name} --reason ...` or `leave-duplicates`"
    )
