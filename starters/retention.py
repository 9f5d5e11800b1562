"""Making a retention plan, confirming one, and looking at what became of it.

Purges are addressed by the names they answer to; a test holds these names against the runbook. Every call raises
BillingFailure with the reason in words.
"""

from __future__ import annotations

from datetime import datetime

from temporalio.client import Client

from billing.failures import BillingFailure, FailureCode
from billing.month_end import Instruction
from billing.retention import Confirmation, PurgeOrder, PurgeStory, case_id
from starters.beginning import begin_once, digits_of
from starters.speaking import ask, tell

RUNBOOK = "retention"

CONFIRM = "confirm"
TRY_AGAIN = "try_again"
STORY = "story"

_DIGITS_OF_A_KEY = 12


def order_of(by: str, now: datetime, key: str | None = None) -> PurgeOrder:
    """A plan that somebody asks for beside the weekly ones, named after its moment in UTC: `2026-11-21-153012`; with a key
    after the day and what stands for the key, so that the same key is the same plan for a day."""
    told_apart = f"k{digits_of(key, _DIGITS_OF_A_KEY)}" if key else f"{now:%H%M%S}"
    return PurgeOrder(plan_id=f"{now:%Y-%m-%d}-{told_apart}", requested_by=by)


async def start(client: Client, order: PurgeOrder, *, task_queue: str) -> None:
    """Begin with a plan, durably once this returns; nothing is deleted before two people said so."""
    summary = f"retention plan {order.plan_id}"
    await begin_once(client, RUNBOOK, order, order.case_id, task_queue=task_queue, summary=summary)


async def story(client: Client, plan_id: str) -> PurgeStory | None:
    """What a purge tells of itself; None for one that Temporal does not know, or no longer."""
    try:
        return await ask(client, case_id(plan_id), STORY, PurgeStory)
    except BillingFailure as failure:
        if failure.code is FailureCode.NOT_FOUND:
            return None
        raise


async def confirm(client: Client, plan_id: str, confirmation: Confirmation, *, request_id: str | None = None) -> str:
    """Say that the plan of this hash may go, once another person approved it (P9)."""
    return await tell(client, case_id(plan_id), CONFIRM, confirmation, str, request_id)


async def try_again(client: Client, plan_id: str, order: Instruction, *, request_id: str | None = None) -> str:
    """The cause of what was handed over is repaired."""
    return await tell(client, case_id(plan_id), TRY_AGAIN, order, str, request_id)
