"""Placing and releasing holds: on record first, then whoever waits for them is woken."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from temporalio.client import Client

from activities.invoicing_ports import Holds
from billing.failures import BillingFailure
from billing.holds import Hold, HoldOrder
from starters import delinquency, month_end
from starters.card_numbers import without_card_numbers

log = structlog.get_logger("holds")


async def place(client: Client, holds: Holds, order: HoldOrder, now: datetime) -> Hold:
    """Stop an effect for everybody, a tenant or a meter; the same hold again is the one that is there."""
    hold = await asyncio.to_thread(holds.place, without_card_numbers(order), now)
    await _wake(client, hold)
    return hold


async def release(client: Client, holds: Holds, hold_id: str, by: str, reason: str, now: datetime) -> Hold:
    """Let the effect happen again; released twice it answers the first release."""
    hold = await asyncio.to_thread(holds.release, hold_id, by, reason, now)
    await _wake(client, hold)
    return hold


async def _wake(client: Client, hold: Hold) -> None:
    """Runs and cases look again by themselves too, so a Temporal that is away delays them and fails nothing."""
    try:
        await month_end.holds_changed(client)
    except BillingFailure as failure:
        log.warning("runs could not be told of a hold", why=failure.for_us)
    await delinquency.holds_changed(client, hold)
