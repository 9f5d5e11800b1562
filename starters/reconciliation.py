"""Starting a reconciliation, looking at one, and deciding about the duplicates it found.

Reconciliations are addressed by the names they answer to; a test holds these names against the runbook. Every call
raises BillingFailure with the reason in words.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client

from activities.reconciliation_ports import ReconciliationBook, ReconciliationRow
from billing.failures import BillingFailure, FailureCode
from billing.month_end import not_over
from billing.reconciliation_report import ListedDifference
from billing.reconciling import DuplicatesDecision, ReconciliationOrder, ReconciliationStory, case_id
from starters.beginning import begin_once, digits_of
from starters.speaking import ask, tell

RUNBOOK = "reconciliation"

VOID_DUPLICATES = "void_duplicates"
LEAVE_DUPLICATES = "leave_duplicates"
STORY = "story"

_DIGITS_OF_A_KEY = 16


class ReconciliationHandle(BaseModel):
    """The reconciliation that a key stands for; the same key always gets the same answer."""

    model_config = ConfigDict(frozen=True)

    reconciliation_id: str
    case_id: str
    period: str


class ReconciliationPage(BaseModel):
    """One as it stands on record, with some of its differences, the gravest first."""

    model_config = ConfigDict(frozen=True)

    reconciliation: ReconciliationRow
    differences: tuple[ListedDifference, ...]


async def start(
    client: Client,
    book: ReconciliationBook,
    period: str,
    key: str,
    *,
    by: str,
    task_queue: str,
    zone: str,
    now: datetime,
) -> ReconciliationHandle:
    """Begin one, durably once this returns; the same key again is the same one, whoever sends it.

    Raises INVALID for a period that is not over in `zone`, CONFLICT for a key that stands for another period.
    """
    if refusal := not_over(period, zone, now):
        raise BillingFailure(FailureCode.INVALID, refusal)
    occasion = f"k-{digits_of(key, _DIGITS_OF_A_KEY)}"
    asked = ReconciliationOrder(period=period, occasion=occasion, requested_by=by)
    # On record first: a key that stands for another period is refused before anything begins.
    row = await asyncio.to_thread(book.open, asked, now, key)
    order = row.order
    if row.ended_at is None:
        summary = f"reconciliation of {order.period}"
        await begin_once(client, RUNBOOK, order, order.case_id, task_queue=task_queue, summary=summary)
    return ReconciliationHandle(reconciliation_id=order.reconciliation_id, case_id=order.case_id, period=order.period)


async def story(client: Client, reconciliation_id: str) -> ReconciliationStory:
    """What one that is under way, or ended not long ago, tells of itself."""
    return await ask(client, case_id(reconciliation_id), STORY, ReconciliationStory)


async def page(book: ReconciliationBook, reconciliation_id: str, after: int, limit: int) -> ReconciliationPage:
    """One on record with `limit` of its differences beyond the first `after`. Raises NOT_FOUND."""

    def read() -> ReconciliationPage:
        row = book.find(reconciliation_id)
        if row is None:
            raise BillingFailure(
                FailureCode.NOT_FOUND,
                f"there is no reconciliation {reconciliation_id}: `runbooks reconciliation list` names them",
            )
        return ReconciliationPage(reconciliation=row, differences=book.differences(reconciliation_id, after, limit))

    return await asyncio.to_thread(read)


async def void_duplicates(
    client: Client, reconciliation_id: str, decision: DuplicatesDecision, *, request_id: str | None = None
) -> str:
    """Have the duplicates voided that it found (B2)."""
    return await tell(client, case_id(reconciliation_id), VOID_DUPLICATES, decision, str, request_id)


async def leave_duplicates(
    client: Client, reconciliation_id: str, decision: DuplicatesDecision, *, request_id: str | None = None
) -> str:
    """Leave the duplicates as they are."""
    return await tell(client, case_id(reconciliation_id), LEAVE_DUPLICATES, decision, str, request_id)
