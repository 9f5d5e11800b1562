"""What the daily schedule starts: the reconciliation of the month that was billed last, as of its nominal day."""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from billing.authority import RUNBOOK
from billing.month_end import month_before
from billing.reconciling import ReconciliationOrder
from workflows.blocks.schedule import nominal_time
from workflows.reconciliation import Reconciliation


@workflow.defn(name="reconciliation-on-schedule")
class ScheduledReconciliation:
    """Starts `reconciliation/<period>/<day>`; whoever waits for people in there keeps no later day waiting."""

    @workflow.run
    async def run(self, zone: str) -> str:
        """`zone` is where months end; answers what was started."""
        nominal = nominal_time()
        order = ReconciliationOrder(
            period=month_before(nominal, zone),
            occasion=f"{nominal:%Y-%m-%d}",
            requested_by=RUNBOOK,
            unless_working=True,
        )
        workflow.set_current_details(f"Reconciliation `{order.case_id}`")
        try:
            await workflow.start_child_workflow(
                Reconciliation.run,
                order,
                id=order.case_id,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"reconciliation of {order.period}",
            )
        except WorkflowAlreadyStartedError:
            return f"{order.reconciliation_id} was done already"
        return f"{order.reconciliation_id} is under way"
