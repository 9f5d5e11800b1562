"""The desk of a month end: what people may say to a run, and how it shows itself.

Validators refuse before history records anything; whatever lets documents leave is checked again in the database.
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.letters import Notice
from activities.month_end import MonthEnds, ParkingOrder
from activities.operators import Operators, Permission
from billing.authority import MAY_RUN_MONTH_END
from billing.cases import DecisionReceipt, SignedDecision, StoryLine
from billing.failures import FailureCode
from billing.money import Money
from billing.month_end import (
    BillingRun,
    Ending,
    Instruction,
    LeftBehind,
    Parking,
    Progress,
    RunOrder,
    RunStory,
    ShardResult,
    Stage,
    case_id,
    workflow_id,
)
from billing.policy.month_end import Errand
from billing.run_reports import RunReport
from workflows.blocks.approval import ApprovalGate
from workflows.blocks.case import Runbook
from workflows.blocks.holds import HoldWatch
from workflows.blocks.run_story import as_markdown
from workflows.blocks.steps import RECORD, step

# Sentences that a continued run takes along; the rest stays in the history of the runs before it.
_LINES_CARRIED = 60


class Carried(BaseModel):
    """What a run takes along when it goes on as a new one: where it stood and what it knows, nothing of the tenants."""

    model_config = ConfigDict(frozen=True)

    run: BillingRun
    stage: Stage
    after: str
    began_at: datetime
    done: int
    total: int
    rated: ShardResult
    report: RunReport | None
    left: dict[Errand, LeftBehind]
    pushes: int
    paused: Instruction | None
    cancelled: Instruction | None
    committed: bool
    hand_overs: int
    unsent: tuple[Notice, ...]
    lines: tuple[StoryLine, ...]


class MonthEndDesk(Runbook):
    """State and messages of one run; the procedure itself is in `workflows.month_end`."""

    def __init__(self, order: RunOrder, carried: Carried | None = None) -> None:
        super().__init__()
        self.order = order
        self.opened: BillingRun | None = None
        self.stage, self.next_step = Stage.PREFLIGHT, "open the run"
        self.gate = ApprovalGate(case_id(order.period))
        self.holds = HoldWatch()
        self.report: RunReport | None = None
        self.rated = ShardResult()
        self.left: dict[Errand, LeftBehind] = {}
        self.pushes = 0
        self.after, self.done, self.total, self.began_at = "", 0, 0, workflow.now()
        self.paused: Instruction | None = None
        self.cancelled: Instruction | None = None
        self.ending: Ending | None = None
        self.reconciled: str | None = None
        self.hand_overs = 0
        # Documents are being issued: what is decided stays decided.
        self.committed = False
        # A draft was parked: the report that was checked is no longer what stands in the books.
        self.report_is_old = False
        self.parking = 0
        # False from the moment something is handed over until somebody repaired the cause.
        self.repaired = True
        self.unsent: dict[str, Notice] = {}
        if carried:
            self._take_up(carried)

    @workflow.update(description="Finish what is under way and do nothing more until the run is resumed")
    async def pause(self, order: Instruction) -> str:
        await self._permitted(order, "pause a month end")
        self.paused = order
        self.note(f"paused by {order.by}: {order.reason}")
        return "paused"

    @pause.validator
    def _may_pause(self, order: Instruction) -> None:
        self._refuse_once_over("pause")
        if self.paused:
            raise _conflict(f"the run is paused already, by {self.paused.by}")

    @workflow.update(description="Go on with a paused run")
    async def resume(self, order: Instruction) -> str:
        await self._permitted(order, "resume a month end")
        self.paused = None
        self.note(f"resumed by {order.by}: {order.reason}")
        return "resumed"

    @resume.validator
    def _may_resume(self, order: Instruction) -> None:
        if self.paused is None:
            raise _conflict("the run is not paused")

    @workflow.update(description="Give the run up before anything is issued; its drafts are removed")
    async def cancel(self, order: Instruction) -> str:
        await self._permitted(order, "cancel a month end")
        self._refuse_once_committed("cancel")
        self.cancelled = order
        self.note(f"cancelled by {order.by}: {order.reason}")
        return "cancelled"

    @cancel.validator
    def _may_cancel(self, order: Instruction) -> None:
        self._refuse_once_committed("cancel")

    @workflow.update(description="Take one tenant's draft out of the run before it is issued")
    async def park(self, parking: Parking) -> str:
        await self._permitted(Instruction(by=parking.by, reason=parking.reason), "park a draft")
        self._refuse_once_committed("park a draft")
        order = ParkingOrder(run_id=self.run_id, parking=parking)
        self.parking += 1
        try:
            await step(MonthEnds.park, order, allowance=RECORD, summary=f"park {parking.tenant_id}")
        finally:
            self.parking -= 1
        self.report_is_old = True
        self.note(f"{parking.by} parked {parking.tenant_id}: {parking.reason}")
        return f"{parking.tenant_id} is parked"

    @park.validator
    def _may_park(self, parking: Parking) -> None:
        self._refuse_once_committed("park a draft")
        if self.opened is None or self.stage not in (Stage.CHECK, Stage.REVIEW):
            raise _conflict(
                f"the run is at {self.stage}: drafts are parked once they are rated and until they are issued"
            )

    @workflow.update(description="The cause is repaired: go on with what was handed over")
    async def try_again(self, order: Instruction) -> str:
        await self._permitted(order, "let a month end try again")
        self.repaired = True
        self.note(f"{order.by} repaired the cause: {order.reason}")
        return "trying again"

    @try_again.validator
    def _may_try_again(self, order: Instruction) -> None:
        if self.repaired:
            raise _conflict(f"nothing was handed over: the run is at {self.stage}, and nothing waits for a repair")

    @workflow.update(description="A signed answer to finance's review of the run")
    async def decide(self, decision: SignedDecision) -> DecisionReceipt:
        receipt = await self.gate.take(decision)
        deed = "decided" if receipt.accepted else f"may not {decision.verdict}: {receipt.message}"
        words = f"{decision.operator_id} {deed}" if not receipt.accepted else receipt.message
        self.note(f"{words}{f' ({decision.reason})' if decision.reason else ''}")
        return receipt

    @decide.validator
    def _is_about_this_run(self, decision: SignedDecision) -> None:
        self.gate.refuse_strangers(decision)

    @workflow.signal(description="Holds were placed or released: look at them now")
    def holds_changed(self) -> None:
        self.holds.changed()

    @workflow.query(description="Stage, next step, progress, totals and timeline, as of the run's last step")
    def story(self) -> RunStory:
        report = self.report
        return RunStory(
            case_id=workflow_id(self.order.period, dry_run=self.order.dry_run),
            period=self.order.period,
            run_id=self.opened.run_id if self.opened else None,
            dry_run=self.order.dry_run,
            stage=self.stage,
            next_step=self.next_step,
            needs_human=self.needs_human,
            paused_by=self.paused.by if self.paused else None,
            progress=self.progress(),
            outcomes=report.outcomes if report else self.rated.outcomes,
            totals=tuple(Money(minor=one.total_minor, currency=one.currency) for one in report.totals)
            if report
            else (),
            left=tuple(left for errand in self.left.values() for left in errand.first),
            left_count=self.left_count,
            holds=tuple(hold.in_words() for hold in self.holds.waited_for),
            reconciled=self.reconciled,
            approval=self.gate.pending,
            ending=self.ending,
            timeline=tuple(self.timeline.lines),
        )

    def progress(self) -> Progress | None:
        """How far the stage is; None for stages that are one step."""
        if not self.total:
            return None
        return Progress(stage=self.stage, done=self.done, total=self.total, began_at=self.began_at, at=workflow.now())

    def show(self) -> None:
        """Bring the details and the search attributes of the Temporal UI up to date."""
        workflow.set_current_details(as_markdown(self.story()))
        self.labels.show(
            runbook="month-end",
            stage=self.stage.value,
            next_action_at=self.gate.next_reminder,
            needs_human=self.needs_human,
        )

    @property
    def left_count(self) -> int:
        """How many times a document was left behind by an errand."""
        return sum(errand.count for errand in self.left.values())

    @property
    def run_id(self) -> str:
        """Of the run in the books; asked only once it was opened."""
        return self.billing_run.run_id

    @property
    def billing_run(self) -> BillingRun:
        """As it was opened; asked only after that."""
        assert self.opened is not None  # noqa: S101 - asked only after the run was opened
        return self.opened

    def carried(self) -> Carried:
        """What the next run of the chain takes up."""
        return Carried(
            run=self.billing_run,
            stage=self.stage,
            after=self.after,
            began_at=self.began_at,
            done=self.done,
            total=self.total,
            rated=self.rated,
            report=self.report,
            left=self.left,
            pushes=self.pushes,
            paused=self.paused,
            cancelled=self.cancelled,
            committed=self.committed,
            hand_overs=self.hand_overs,
            unsent=tuple(self.unsent.values()),
            lines=tuple(self.timeline.lines[-_LINES_CARRIED:]),
        )

    def _take_up(self, carried: Carried) -> None:
        self.opened, self.report, self.rated = carried.run, carried.report, carried.rated
        self.stage, self.after, self.began_at = carried.stage, carried.after, carried.began_at
        self.done, self.total = carried.done, carried.total
        self.left, self.pushes, self.hand_overs = dict(carried.left), carried.pushes, carried.hand_overs
        self.paused, self.cancelled, self.committed = carried.paused, carried.cancelled, carried.committed
        self.timeline.lines = list(carried.lines)

    async def _permitted(self, order: Instruction, deed: str) -> None:
        permission = Permission(operator_id=order.by, roles=MAY_RUN_MONTH_END, deed=deed)
        if problem := await step(Operators.objection, permission, allowance=RECORD, summary="check the permission"):
            raise ApplicationError(problem, type=FailureCode.INVALID, non_retryable=True)

    def _refuse_once_committed(self, deed: str) -> None:
        self._refuse_once_over(deed)
        if self.committed:
            raise _conflict(f"too late to {deed}: the run is at {self.stage}, documents are issued")

    def _refuse_once_over(self, deed: str) -> None:
        if self.over or self.cancelled:
            raise _conflict(f"too late to {deed}: the run is over")


def _conflict(words: str) -> ApplicationError:
    return ApplicationError(words, type=FailureCode.CONFLICT, non_retryable=True)
