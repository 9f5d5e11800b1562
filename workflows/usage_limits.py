"""Hold usage against its caps every hour: roll up what came in, limit and lift, write to those who are to hear of it.

    roll up ─ check ─┬─ letters ─┬─► usage was held against its caps
                     │           └─► letters wait for the mail (the next hour's check sends them)
                     └─► could not be held against its caps (and engineering is told)

The endings are `billing.usage_limits.Ending`. What is limited and who is told is decided by `billing.overage`.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.letters import Notice
from activities.usage import UsageChecks
from activities.usage_limits import UsageLimits
from billing.authority import Role
from billing.overage_emails import UsageLimitsNotChecked
from billing.usage_limits import Ending, LimitsOrder, LimitsReport, LimitsStory, workflow_id
from billing.wording import counted
from workflows.blocks.case import Runbook
from workflows.blocks.schedule import nominal_time
from workflows.blocks.steps import BULK, BULK_THIS_HOUR, LETTERS_THIS_HOUR, step, words_of

# The check of the next hour waits for this one; so many letters are enough for an hour.
ROUNDS_AT_MOST = 40


@workflow.defn(name="usage-limits")
class UsageLimitsCheck(Runbook):
    """One check: workflow id `usage-limits/<minute>`, or the schedule's own."""

    def __init__(self) -> None:
        super().__init__()
        self.report: LimitsReport | None = None
        self.ending: Ending | None = None
        self.case_id = ""

    @workflow.run
    async def run(self, order: LimitsOrder) -> Ending:
        self.case_id = workflow_id(order.at or nominal_time())
        self.labels.show(runbook="usage-limits")
        await self._roll_up()
        try:
            self.report = await step(UsageLimits.check, order, allowance=BULK, summary="hold usage against its caps")
        except ActivityError as error:
            self.ending = await self._give_up(words_of(error))
        else:
            self._tell_of(self.report)
            self.ending = await self._send_letters(order)
        await self.letters_have_left()
        self.note(f"ended: {self.ending}")
        return self.ending

    async def _roll_up(self) -> None:
        """What is not rolled up is counted from its events, so this only makes the check cheaper; where events live
        elsewhere it is how their totals come into the books."""
        today = nominal_time().date()
        try:
            made = await step(
                UsageChecks.bring_up_to_date, today, allowance=BULK_THIS_HOUR, summary="roll up what came in"
            )
        except ActivityError as error:
            self.note(f"roll-ups stay as they are: {words_of(error)}")
        else:
            self.note(f"rolled up {counted(made, 'day')} of tenants and meters")

    def _tell_of(self, report: LimitsReport) -> None:
        self.note(report.in_words())
        for change in report.changes:
            self.note(change)

    async def _send_letters(self, order: LimitsOrder) -> Ending:
        """Round after round until none is left; what the mail does not take now, the next check sends."""
        sent, told = 0, None
        for _ in range(ROUNDS_AT_MOST):
            try:
                told = await step(UsageLimits.tell, order, allowance=LETTERS_THIS_HOUR, summary="write letters")
            except ActivityError as error:
                self.note(f"letters wait: {words_of(error)}")
                return Ending.LETTERS_WAIT
            sent += told.settled
            if told.kept_back or told.last:
                break
        if sent:
            self.note(f"{counted(sent, 'letter')} sent")
        if told and told.last and not told.kept_back:
            return Ending.CHECKED
        self.note("other letters wait for the next check")
        return Ending.LETTERS_WAIT

    async def _give_up(self, why: str) -> Ending:
        """The next hour's check looks at the same usage again; until then nobody new is limited or released."""
        self.note(f"given up: {why}")
        payload = UsageLimitsNotChecked(case_id=self.case_id, what_happened=why)
        turn = workflow.info().first_execution_run_id[:8]
        await self.notify(
            Notice(case_id=self.case_id, name=f"not-checked/{turn}", role=Role.ENGINEERING, payload=payload)
        )
        return Ending.NOT_CHECKED

    def show(self) -> None:
        lines = [f"- `{line.at:%H:%M:%S}` {line.text}" for line in self.timeline.lines]
        workflow.set_current_details("\n".join([f"## {self.ending or 'at work'}\n", *lines]))

    @workflow.query(description="What was found and done, how it ended, and the timeline")
    def story(self) -> LimitsStory:
        return LimitsStory(
            case_id=self.case_id, report=self.report, ending=self.ending, timeline=tuple(self.timeline.lines)
        )
