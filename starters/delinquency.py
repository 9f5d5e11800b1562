"""Speaking to a tenant's recovery: how it stands, and what may be agreed on while something is owed.

Cases are addressed by the names they answer to, as disputes are; a test holds these names against the runbook. Every call
raises BillingFailure with the reason in words.
"""

from __future__ import annotations

import asyncio

import structlog
from temporalio.client import Client

from activities.delinquency_ports import DelinquencyBook
from billing.failures import BillingFailure, FailureCode
from billing.holds import Hold
from billing.money import Money
from billing.month_end import Instruction
from billing.recovery import CASE, HOLDS_CHANGED, PAUSING, STORY, ArrangementOrder, RecoveryStory
from starters.connect import PATIENCE, reaching_temporal
from starters.speaking import ask, tell

log = structlog.get_logger("delinquency")

RUNBOOK = CASE
ARRANGE = "arrange"
TRY_AGAIN = "try_again"

_AWAY_OR_FORGOTTEN = frozenset({FailureCode.UNAVAILABLE, FailureCode.NOT_FOUND})


def case_of(name: str) -> str:
    """The workflow that works a tenant's case, whatever of it was named: `acme`, `delinquency/acme/2`."""
    return f"{CASE}/{tenant_of(name)}"


def tenant_of(name: str) -> str:
    """Whose case it is."""
    return name.removeprefix(f"{CASE}/").partition("/")[0]


def money_of(amount: str, currency: str) -> Money:
    """An amount in major units as somebody wrote it. Raises INVALID for one that its currency does not know."""
    try:
        return Money.of(amount, currency.upper())
    except ValueError as error:
        raise BillingFailure(FailureCode.INVALID, f"amount: {str(error).removeprefix('amount ')}") from None


async def story(client: Client, book: DelinquencyBook, name: str) -> RecoveryStory:
    """Where a tenant's case stands; an earlier episode, and one that Temporal has forgotten or cannot tell of now, as it is
    on record. Raises NOT_FOUND when there is none, UNAVAILABLE when nobody can be asked."""
    row = await asyncio.to_thread(book.find, name)
    if row is None:
        raise BillingFailure(
            FailureCode.NOT_FOUND,
            f"there is no recovery of {tenant_of(name)}: `runbooks delinquency list` names those that there are",
        )
    if row.ending is not None and row.story:
        return row.story
    try:
        return await ask(client, case_of(name), STORY, RecoveryStory)
    except BillingFailure as failure:
        if failure.code not in _AWAY_OR_FORGOTTEN or row.story is None:
            raise
        return row.story


async def arrange(
    client: Client, book: DelinquencyBook, tenant: str, order: ArrangementOrder, *, request_id: str | None = None
) -> str:
    """Have something agreed on; the answer says whether it counts or who is asked. Raises NOT_FOUND for a tenant without
    an open case."""
    await _open(book, tenant)
    return await tell(client, case_of(tenant), ARRANGE, order, str, request_id)


async def try_again(
    client: Client, book: DelinquencyBook, tenant: str, order: Instruction, *, request_id: str | None = None
) -> str:
    """Let a case go on that was handed over, once its cause is repaired."""
    await _open(book, tenant)
    return await tell(client, case_of(tenant), TRY_AGAIN, order, str, request_id)


async def holds_changed(client: Client, hold: Hold) -> None:
    """Tell the case of a tenant whose hold was placed or released. Cases look by themselves too, so one that is not there
    or cannot be told is no failure. Of a hold for everybody none is told: each looks before it takes a step, and once it has
    seen the hold every hour."""
    if hold.tenant_id is None or hold.effect not in PAUSING:
        return
    case = case_of(hold.tenant_id)
    try:
        with reaching_temporal(case):
            await client.get_workflow_handle(case).signal(HOLDS_CHANGED, rpc_timeout=PATIENCE)
    except BillingFailure as failure:
        if failure.code is FailureCode.UNAVAILABLE:
            log.warning("a case could not be told of a hold", case_id=case, why=failure.for_us)


async def _open(book: DelinquencyBook, tenant: str) -> None:
    row = await asyncio.to_thread(book.find, tenant_of(tenant))
    if row is None:
        raise BillingFailure(
            FailureCode.NOT_FOUND,
            f"{tenant_of(tenant)} has no recovery: nothing is overdue, or nobody knows the customer",
        )
    if row.ending is not None:
        raise BillingFailure(
            FailureCode.CONFLICT, f"the recovery of {row.tenant_id} is over, {row.ending}: there is nothing to agree on"
        )
