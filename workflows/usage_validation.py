"""Validate usage every day: roll up what came in, hold the roll-ups against the raw events, tell people what disagrees.

    roll up ─ compare ─┬─► in agreement
       │         │     └─ tell the leads and engineering ─► people were told
       └─────────┴─► could not be validated (and people are told)

The endings are `billing.usage_validation.Ending`. Nothing is repaired by itself: a difference has a cause, and a roll-up
made anew would hide it.
"""

from datetime import UTC, date

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.letters import Notice
from activities.usage import UsageChecks
from billing import usage_letters
from billing.authority import Role
from billing.emails import Payload
from billing.usage_validation import Ending, UsageReport, ValidationOrder, ValidationStory, workflow_id
from billing.wording import counted
from workflows.blocks.case import Runbook
from workflows.blocks.schedule import nominal_time
from workflows.blocks.steps import BULK, step, words_of

_TOLD = (Role.LEAD, Role.ENGINEERING)


@workflow.defn(name="usage-validation")
class UsageValidation(Runbook):
    """One day's validation: workflow id `usage-validation/<day>`, or the schedule's own."""

    def __init__(self) -> None:
        super().__init__()
        self.report: UsageReport | None = None
        self.ending: Ending | None = None
        self.case_id = ""

    @workflow.run
    async def run(self, order: ValidationOrder) -> Ending:
        day = order.day or self._nominal_day()
        self.case_id = workflow_id(day)
        self.labels.show(runbook="usage-validation")
        try:
            self.report = await self._validated(day)
        except ActivityError as error:
            self.ending = await self._give_up(day, words_of(error))
        else:
            self.ending = await self._tell(self.report)
        await self.letters_have_left()
        self.note(f"ended: {self.ending}")
        return self.ending

    async def _validated(self, day: date) -> UsageReport:
        made = await step(UsageChecks.bring_up_to_date, day, allowance=BULK, summary="roll up what came in")
        self.note(f"rolled up {counted(made, 'day')} of tenants and meters")
        report = await step(UsageChecks.validate, day, allowance=BULK, summary="hold roll-ups against the events")
        self.note(f"from {report.first} to {report.end}: {usage_letters.summary(report)}")
        return report.model_copy(update={"made": made})

    async def _tell(self, report: UsageReport) -> Ending:
        if report.clean:
            return Ending.AGREES
        await self._write_to_people("look-at", usage_letters.look_at(self.case_id, report))
        return Ending.PEOPLE_TOLD

    async def _give_up(self, day: date, why: str) -> Ending:
        """Half a day of trying did not help: tomorrow's validation looks at the same days again."""
        self.note(f"given up: {why}")
        await self._write_to_people("not-validated", usage_letters.not_validated(self.case_id, day, why))
        return Ending.NOT_VALIDATED

    async def _write_to_people(self, name: str, payload: Payload) -> None:
        # A day that is validated twice may have found something else the second time.
        turn = workflow.info().first_execution_run_id[:8]
        for role in _TOLD:
            await self.notify(Notice(case_id=self.case_id, name=f"{name}/{turn}/{role}", role=role, payload=payload))

    def show(self) -> None:
        lines = [f"- `{line.at:%H:%M:%S}` {line.text}" for line in self.timeline.lines]
        workflow.set_current_details("\n".join([f"## {self.ending or 'at work'}\n", *lines]))

    @workflow.query(description="What was found so far, how it ended, and the timeline")
    def story(self) -> ValidationStory:
        return ValidationStory(
            case_id=self.case_id, report=self.report, ending=self.ending, timeline=tuple(self.timeline.lines)
        )

    def _nominal_day(self) -> date:
        """The day the schedule meant, in UTC; started by hand, today."""
        moment = nominal_time()
        return moment.astimezone(UTC).date()
