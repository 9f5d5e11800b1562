"""The review gate: a run that tripped a bound, or moved too far, is issued only as finance approved it."""

from temporalio.exceptions import ActivityError

from activities.month_end import MonthEnds, Withdrawal
from billing import run_letters
from billing.authority import Role
from billing.cases import PendingApproval
from billing.failures import FailureCode
from billing.holds import HeldEffect
from billing.month_end import Ending, Stage, case_id
from billing.run_reports import RunReport, RunReview, review_reasons
from billing.wording import listed
from workflows.blocks.approval import approved
from workflows.blocks.steps import BULK, RECORD, code_of, step
from workflows.blocks.waiting import wait_for
from workflows.month_end_work import EndedError, MonthEndWork

# What stands in the books is not what was approved: look again instead of issuing it.
_OUTDATED = {FailureCode.STALE_DECISION, FailureCode.NOT_APPROVED}
# Whoever holds invoicing has a reason, and these drafts were made before it was repaired.
_HELD_AFTER_RATING = (
    "invoicing was held after the drafts were made: cancel the run and start it again if usage, prices or contracts were "
    "repaired meanwhile, else let it try again"
)


class MonthEndReview(MonthEndWork):
    """Asking finance; whether the answer counts, and for which drafts, is the database's business."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.revision = 0

    async def checked(self) -> RunReport:
        """The report of the drafts as they stand now."""
        await wait_for(lambda: not self.parking)
        self.report_is_old = False
        self.report = await self.with_help(
            lambda: step(MonthEnds.check, self.run_id, allowance=BULK, summary="hold the drafts against the bounds")
        )
        return self.report

    async def agreed(self) -> None:
        """Return once the drafts may be issued; raises EndedError when finance said no, or nothing."""
        while True:
            report = self.report if self.report and not self.report_is_old else await self.checked()
            reasons = review_reasons(report, self.billing_run.policy)
            if reasons and not await self._approved(report, reasons):
                continue
            if await self._released():
                return

    async def _approved(self, report: RunReport, reasons: tuple[str, ...]) -> bool:
        """Whether finance approved exactly this report; False when it changed meanwhile and must be looked at again."""
        self.revision += 1
        review = self._review(report, reasons)
        self.enter(Stage.REVIEW, "finance decides about the run", needs_human=True)
        self.note(f"needs a review: {listed(reasons)}")
        await self.with_help(
            lambda: step(MonthEnds.propose, review, allowance=RECORD, summary=f"review {self.revision}")
        )
        approvals, words = self.billing_run.policy.approvals, run_letters.question_for(review)
        decision = await self.gate.walk(review.op_key, review.path, words, approvals, self._remind, self._overtaken)
        if self._overtaken():
            await self._withdraw(review, "overtaken by events")
            await self.may_go_on()
            return False
        if not approved(decision):
            why = f"rejected by {decision.operator_id}" if decision else "nobody decided in time: silence is a no"
            raise EndedError(Ending.REJECTED, why)
        self.needs_human = False
        return True

    async def _released(self) -> bool:
        """Let documents leave from here on; False when the drafts are not the ones that may."""
        if await self.no_hold(HeldEffect.INVOICING):
            await self.hand_over(Role.FINANCE, _HELD_AFTER_RATING)
        await wait_for(lambda: not self.parking)
        await self.may_go_on()
        if self.report_is_old:
            return False
        self.committed = True
        try:
            await self.with_help(self._release)
        except _OutdatedError:
            self.committed = False
            self.report_is_old = True
            return False
        return True

    async def _release(self) -> None:
        try:
            await step(
                MonthEnds.release, self.run_id, allowance=RECORD, summary="last look before documents are issued"
            )
        except ActivityError as error:
            if code_of(error) in _OUTDATED:
                raise _OutdatedError from error
            raise

    async def _withdraw(self, review: RunReview, why: str) -> None:
        order = Withdrawal(op_key=review.op_key, why=why)
        await step(MonthEnds.withdraw, order, allowance=RECORD, summary="take the review back")

    def _overtaken(self) -> bool:
        return self.cancelled is not None or self.report_is_old

    def _review(self, report: RunReport, reasons: tuple[str, ...]) -> RunReview:
        number = self.run_id.rpartition("#")[2]
        return RunReview(
            op_key=f"{case_id(self.order.period)}/review/run-{number}.{self.revision}",
            case_id=case_id(self.order.period),
            report=report,
            reasons=reasons,
            requested_by=self.order.requested_by,
        )

    def _remind(self, pending: PendingApproval, reminder: int) -> None:
        assert self.report is not None  # noqa: S101 - asked only after the run was checked
        reasons = review_reasons(self.report, self.billing_run.policy)
        letter = run_letters.review_requested(self.report, reasons, pending, reminder)
        self.send(pending.role, f"review-{self.revision}-{reminder}", letter)
        self.note(f"{'reminded' if reminder else 'asked'} {pending.role} to decide about the run")


class _OutdatedError(Exception):
    """The drafts changed after they were checked or approved."""
