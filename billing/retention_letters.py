"""What each letter about a retention purge says: facts only, the sentences are in the template."""

from datetime import datetime
from typing import Any

from billing.cases import PendingApproval
from billing.retention import Ending, PlanSummary, PurgeOrder
from billing.retention_emails import PurgeNews, RetentionNotice


def to_confirm(order: PurgeOrder, plan: PlanSummary, until: datetime, reminder: int) -> RetentionNotice:
    """A plan waits for somebody to look at it; `reminder` counts from 0."""
    return _notice(order, plan, PurgeNews.CONFIRM, why="", until=until, reminder=reminder)


def to_approve(order: PurgeOrder, plan: PlanSummary, pending: PendingApproval, reminder: int) -> RetentionNotice:
    """The second person is asked."""
    return _notice(
        order,
        plan,
        PurgeNews.APPROVE,
        why=pending.question,
        approval_id=pending.approval_id,
        until=pending.expires_at,
        reminder=reminder,
    )


def to_repair(order: PurgeOrder, plan: PlanSummary, why: str) -> RetentionNotice:
    """A step cannot go on by itself; `why` as it said so, without secrets."""
    return _notice(order, plan, PurgeNews.REPAIR, why=why)


def over(order: PurgeOrder, plan: PlanSummary, ending: Ending, why: str) -> RetentionNotice:
    """How it ended."""
    return _notice(order, plan, PurgeNews.OVER, why=why, ending=ending.value)


def _notice(order: PurgeOrder, plan: PlanSummary, news: PurgeNews, **said: Any) -> RetentionNotice:
    return RetentionNotice(
        news=news,
        case_id=order.case_id,
        plan_id=order.plan_id,
        plan_sha256=plan.sha256,
        plan=plan.in_words,
        spared=plan.spared,
        **said,
    )
