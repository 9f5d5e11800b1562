"""Events of Stripe from outside: waking the runbook that works through them, and having some of them tried again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy

from activities.provider_events_ports import EventBook
from billing.failures import BillingFailure, FailureCode
from billing.provider_events import CASE_ID, POKE, STORY, ArrivedEvent, EventLine, Totals
from billing.redaction import redact_card_numbers
from starters.connect import PATIENCE, reaching_temporal

log = structlog.get_logger("provider_events")

__all__ = ["STORY", "Bell", "EventPage", "page", "poke", "retry", "retry_parked", "sent_by"]

HIDDEN = "[hidden]"
_SECRET_WORDS = ("secret", "token", "hosted_", "invoice_pdf", "receipt_url")


class EventPage(BaseModel):
    """One event with what the provider sent; keys, links that open documents, and card numbers are hidden."""

    model_config = ConfigDict(frozen=True)

    event: EventLine
    sent: Any


async def poke(client: Client, task_queue: str) -> None:
    """Have the runbook look now, and start it when it is not there. Raises UNAVAILABLE when Temporal is away."""
    with reaching_temporal(CASE_ID):
        await client.start_workflow(
            CASE_ID,
            Totals(),
            id=CASE_ID,
            task_queue=task_queue,
            start_signal=POKE,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary="events of the payment provider",
            rpc_timeout=PATIENCE,
        )


class Bell:
    """Rings for many events at once: a workflow takes some thousand signals and no more, and one is enough.

    Nobody waits for it. Whoever rings while it is ringing, or within `pause` seconds after, is heard with the next ring.
    """

    def __init__(self, ring: Callable[[], Awaitable[None]], pause: float = 1.0) -> None:
        self._ring, self._pause = ring, pause
        self._wanted = False
        self._ringing: asyncio.Task[None] | None = None

    def press(self) -> None:
        """An event came."""
        self._wanted = True
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._go_on())

    async def quiet(self) -> None:
        """Return once everybody was heard."""
        if self._ringing is not None:
            await self._ringing

    async def _go_on(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                await self._ring()
            except BillingFailure as failure:
                # The runbook looks every minute by itself, and every sweep sees to it that it is there.
                log.warning("the runbook of events could not be woken", why=failure.for_us)
            await asyncio.sleep(self._pause)


def page(book: EventBook, event_id: str) -> EventPage:
    """One event. Raises NOT_FOUND."""
    found = book.find(event_id)
    if found is None:
        raise _unknown([event_id])
    line, arrived = found
    return EventPage(event=line, sent=sent_by(arrived))


async def retry(
    client: Client, book: EventBook, event_ids: Iterable[str], by: str, reason: str, *, task_queue: str, now: datetime
) -> int:
    """Have these tried again now, whatever became of them; answers how many. Raises NOT_FOUND before any is, for one that
    never came."""
    named = list(dict.fromkeys(event_ids))

    def again() -> int:
        if unknown := [one for one in named if book.find(one) is None]:
            raise _unknown(unknown)
        return len(book.retry(named, by, redact_card_numbers(reason), now))

    tried = await asyncio.to_thread(again)
    await _wake(client, task_queue)
    return tried


async def retry_parked(client: Client, book: EventBook, by: str, reason: str, *, task_queue: str, now: datetime) -> int:
    """The same for every parked one; answers how many."""
    tried = await asyncio.to_thread(book.retry_parked, by, redact_card_numbers(reason), now)
    if tried:
        await _wake(client, task_queue)
    return tried


def sent_by(arrived: ArrivedEvent) -> Any:
    """What the provider sent, fit to be shown."""
    try:
        return _fit_to_show(json.loads(arrived.raw))
    except (ValueError, RecursionError):
        return "[what was sent cannot be read]"


def _fit_to_show(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: HIDDEN if content and any(word in name for word in _SECRET_WORDS) else _fit_to_show(content)
                for name, content in value.items()
            }
        case list():
            return [_fit_to_show(one) for one in value]
        case str():
            return redact_card_numbers(value)
        case _:
            return value


async def _wake(client: Client, task_queue: str) -> None:
    """It looks by itself too, so a Temporal that is away delays the retry and fails nothing."""
    try:
        await poke(client, task_queue)
    except BillingFailure as failure:
        log.warning("the runbook of events could not be woken", why=failure.for_us)


def _unknown(event_ids: list[str]) -> BillingFailure:
    return BillingFailure(
        FailureCode.NOT_FOUND, f"no event {', '.join(event_ids)} has arrived: `runbooks events list` names them"
    )
