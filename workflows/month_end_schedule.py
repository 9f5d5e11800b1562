"""What the monthly schedule starts: the month end of the period that its nominal time stands for.

A schedule adds a time to the ids of what it starts; runs have their period for a name. Between the two stands this one:
it reads the nominal time, never the clock, so that a late, caught-up or backfilled start bills the right month.
"""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from billing.authority import RUNBOOK
from billing.month_end import Ending, RunOrder, month_before, workflow_id
from workflows.blocks.schedule import nominal_time
from workflows.month_end import MonthEnd


@workflow.defn(name="month-end-on-schedule")
class ScheduledMonthEnd:
    """Starts `month-end/<period>` and waits for its ending, so that the schedule never overlaps two."""

    @workflow.run
    async def run(self, zone: str) -> str:
        """`zone` is where months end; answers the run's ending in words."""
        period = month_before(nominal_time(), zone)
        workflow.set_current_details(f"Month end **{period}**: `{workflow_id(period, dry_run=False)}`")
        try:
            ending: Ending = await workflow.execute_child_workflow(
                MonthEnd.run,
                args=[RunOrder(period=period, requested_by=RUNBOOK), None],
                id=workflow_id(period, dry_run=False),
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"month end {period}",
            )
        except WorkflowAlreadyStartedError:
            return f"{period} is being billed already"
        return f"{period}: {ending}"
