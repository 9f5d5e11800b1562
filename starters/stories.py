"""What has become of a case: told by the case itself, or by the register when Temporal is away or has forgotten it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal

from temporalio.client import Client

from adapters.postgres.books import Books
from adapters.postgres.case_list import CaseRow
from billing.cases import CaseStory, ClockView, Stage, StoryLine
from billing.clocks import Clock, Milestone
from billing.failures import BillingFailure, FailureCode
from starters import disputes

_AWAY_OR_FORGOTTEN = frozenset({FailureCode.UNAVAILABLE, FailureCode.NOT_FOUND})


async def tell(client: Client, books: Books, case: str) -> CaseStory:
    """The story of a case. Raises NOT_FOUND when nobody knows it, UNAVAILABLE when nobody can be asked."""
    try:
        return await disputes.story(client, case)
    except BillingFailure as failure:
        if failure.code not in _AWAY_OR_FORGOTTEN:
            raise
        row = await asyncio.to_thread(books.cases.find, case)
        if row is None and failure.code is FailureCode.NOT_FOUND:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no case {case}") from None
        if row is None:
            raise
        tenant = await asyncio.to_thread(books.tenants.find, row.tenant_id)
        return on_record(row, tenant.tier if tenant else "")


def on_record(row: CaseRow, tier: str) -> CaseStory:
    """The story as the register keeps it: whole for a closed case, the opening alone for an open one."""
    closed = row.ending is not None
    return CaseStory(
        case_id=row.case_id,
        tenant_id=row.tenant_id,
        tier=tier,
        category=row.category,
        severity=row.severity,
        stage=Stage.CLOSED if closed else Stage.INTAKE,
        next_step="nothing" if closed else "not known while the case itself does not answer",
        needs_human=False,
        waiting_for_customer=False,
        escalated=row.escalated,
        disputed=row.disputed,
        credited=row.credited,
        ending=row.ending,
        clocks=tuple(_view(clock) for clock in row.clocks),
        timeline=tuple(_line(words) for words in row.story),
    )


def _line(words: str) -> StoryLine:
    """A kept sentence: its moment, two spaces, its text."""
    moment, _, text = words.partition("  ")
    return StoryLine(at=datetime.fromisoformat(moment), text=text)


def _view(clock: Clock) -> ClockView:
    late = Milestone.BREACH in clock.reached
    met = "met late" if late else "met"
    return ClockView(
        name=clock.name,
        state=met if clock.met_at else "breached" if late else "stopped",
        due=None,
        share_used=Decimal(str(round(clock.consumed / clock.budget.amount, 2))),
    )
