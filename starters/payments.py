"""Looking at how an invoice is collected, and having it charged now.

Whoever collects the invoice already does it; when nobody does, a `payment-retry` of its own begins for the one attempt. Every
call raises BillingFailure with the reason in words.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client

from activities.payment_ports import CollectibleInvoice, ReceivablesBook
from activities.payment_results import result_of_row
from billing.failures import BillingFailure, FailureCode
from billing.payments import (
    ATTEMPT_NOW,
    PAYMENT_RETRY,
    STORY,
    AttemptResult,
    AttemptRow,
    ManualAttempt,
    Receivable,
    RetryOrder,
    RetryStory,
)
from starters.beginning import begin_once, digits_of
from starters.card_numbers import without_card_numbers
from starters.speaking import ask, tell

_DIGITS_OF_A_KEY = 16


class PaymentsPage(BaseModel):
    """How an invoice stands, as last read at the provider, every attempt to collect it, and who collects it now."""

    model_config = ConfigDict(frozen=True)

    invoice_id: str
    number: str
    receivable: Receivable | None
    attempts: tuple[AttemptRow, ...]
    collected_by: str | None
    next_at: datetime | None = None
    next_step: str | None = None


async def page(client: Client, book: ReceivablesBook, name: str) -> PaymentsPage:
    """One invoice by its id or number. Raises NOT_FOUND; a runbook that cannot be asked now leaves its words out."""

    def read() -> PaymentsPage:
        invoice = _named(book, name)
        return PaymentsPage(
            invoice_id=invoice.invoice_id,
            number=invoice.number,
            receivable=book.find(invoice.invoice_id),
            attempts=book.attempts(invoice.invoice_id),
            collected_by=book.chaser_of(invoice.invoice_id),
        )

    known = await asyncio.to_thread(read)
    if known.collected_by is None:
        return known
    try:
        story = await ask(client, known.collected_by, STORY, RetryStory)
    except BillingFailure:
        return known
    return known.model_copy(update={"next_at": story.next_at, "next_step": story.next_step})


async def charge_now(
    client: Client, book: ReceivablesBook, name: str, attempt: ManualAttempt, key: str, *, task_queue: str
) -> AttemptResult:
    """Have an invoice charged now, by hand; the same key again answers what became of the first.

    Raises NOT_FOUND for an invoice that does not stand at the provider, CONFLICT once it was charged by hand too often.
    """
    invoice = await asyncio.to_thread(_named, book, name)
    asked = without_card_numbers(attempt).model_copy(update={"request_key": key})
    if known := await _done_before(book, invoice.invoice_id, key):
        return known
    try:
        chaser = await asyncio.to_thread(book.chaser_of, invoice.invoice_id)
        if chaser is not None and (answer := await _told_to(client, book, invoice.invoice_id, chaser, asked, key)):
            return answer
        return await _alone(client, invoice, asked, key, task_queue=task_queue)
    except BillingFailure as failure:
        # It may have been charged all the same, and be on record by now.
        if failure.code is FailureCode.UNAVAILABLE and (known := await _done_before(book, invoice.invoice_id, key)):
            return known
        raise


async def _told_to(
    client: Client, book: ReceivablesBook, invoice_id: str, chaser: str, asked: ManualAttempt, key: str
) -> AttemptResult | None:
    """Say it to the runbook that collects the invoice; None when it does not any more."""
    try:
        return await tell(client, chaser, ATTEMPT_NOW, asked, AttemptResult, key)
    except BillingFailure as failure:
        if failure.code is FailureCode.NOT_FOUND:
            return None
        if failure.code is not FailureCode.CONFLICT or not await _is_closed(client, chaser):
            raise
        return None


async def _alone(
    client: Client, invoice: CollectibleInvoice, asked: ManualAttempt, key: str, *, task_queue: str
) -> AttemptResult:
    occasion = f"k-{digits_of(key, _DIGITS_OF_A_KEY)}"
    order = RetryOrder(
        tenant_id=invoice.tenant_id,
        invoice_id=invoice.invoice_id,
        episode=0,
        case_id=f"{PAYMENT_RETRY}/{invoice.invoice_id}/{occasion}",
        alone=True,
        occasion=occasion,
    )
    summary = f"charge {invoice.number} by hand"
    await begin_once(client, PAYMENT_RETRY, order, order.workflow_id, task_queue=task_queue, summary=summary)
    return await tell(client, order.workflow_id, ATTEMPT_NOW, asked, AttemptResult, key)


async def _is_closed(client: Client, workflow_id: str) -> bool:
    description = await client.get_workflow_handle(workflow_id).describe()
    return description.close_time is not None


async def _done_before(book: ReceivablesBook, invoice_id: str, key: str) -> AttemptResult | None:
    row = await asyncio.to_thread(book.requested, invoice_id, key)
    return result_of_row(row) if row is not None and row.outcome is not None else None


def _named(book: ReceivablesBook, name: str) -> CollectibleInvoice:
    found = book.named(name)
    if found is None:
        raise BillingFailure(
            FailureCode.NOT_FOUND,
            f"there is no invoice {name} at the payment provider: `runbooks invoice list` names them, and a month end "
            "pushes them there",
        )
    return found
