"""Bringing news to a tenant's recovery: its case begins with them, or hears them while it is at work; or it is told to look."""

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from billing.provider_events import News
from billing.recovery import CASE, HEARD, HOLDS_CHANGED, DelinquencyOrder


async def begun_with(news: News) -> bool:
    """Begin the tenant's case, which outlives whoever began it; False when one is at work already."""
    order = DelinquencyOrder(tenant_id=news.tenant_id, heard=news)
    try:
        await workflow.start_child_workflow(
            CASE,
            order,
            id=order.workflow_id,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary=f"recovery of {news.tenant_id}",
        )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def heard_by_case(news: News) -> bool:
    """Let the tenant's case hear them; False when there is none, or it ended just now."""
    case = workflow.get_external_workflow_handle(DelinquencyOrder(tenant_id=news.tenant_id).workflow_id)
    try:
        await case.signal(HEARD, news)
    except FailureError:
        return False
    return True


async def stirred_case(tenant_id: str) -> bool:
    """Let the tenant's case look at once: a dispute of ours opened or closed. False when there is none."""
    case = workflow.get_external_workflow_handle(DelinquencyOrder(tenant_id=tenant_id).workflow_id)
    try:
        await case.signal(HOLDS_CHANGED)
    except FailureError:
        return False
    return True
