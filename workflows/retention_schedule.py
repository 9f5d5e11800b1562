"""What the weekly schedule starts: the plan of its nominal day, which deletes nothing before people confirmed it (P9)."""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from billing.authority import RUNBOOK
from billing.periods import local_day
from billing.retention import PurgeOrder
from workflows.blocks.schedule import nominal_time
from workflows.retention import RetentionPurge


@workflow.defn(name="retention-on-schedule")
class ScheduledRetention:
    """Starts `retention/<day>`; a plan that waits for people keeps no later one waiting."""

    @workflow.run
    async def run(self, zone: str) -> str:
        """`zone` is where the day is; answers what was started."""
        order = PurgeOrder(plan_id=local_day(nominal_time(), zone).isoformat(), requested_by=RUNBOOK)
        workflow.set_current_details(f"Retention plan `{order.case_id}`")
        try:
            await workflow.start_child_workflow(
                RetentionPurge.run,
                order,
                id=order.case_id,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"retention plan {order.plan_id}",
            )
        except WorkflowAlreadyStartedError:
            return f"{order.plan_id} was planned already"
        return f"{order.plan_id} is under way"
