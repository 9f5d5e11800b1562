"""Ordering the correction of an issued invoice, and everything people may say to one.

Corrections are addressed by the names they answer to, as disputes are; a test holds these names against the runbook.
Every call raises BillingFailure with the reason in words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client

from activities.invoice_correction_ports import CorrectionBook
from adapters.postgres.books import Books
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import CASE, CorrectionOrder, CorrectionStory, Deed, LineFix
from billing.invoices import Invoice
from billing.money import Money
from billing.month_end import Instruction
from starters.beginning import begin_once, digits_of
from starters.card_numbers import without_card_numbers
from starters.speaking import ask, tell

RUNBOOK = "invoice-correction"

WITHDRAW = "withdraw"
TRY_AGAIN = "try_again"
STORY = "story"

_DIGITS_OF_A_KEY = 8
_AWAY_OR_FORGOTTEN = frozenset({FailureCode.UNAVAILABLE, FailureCode.NOT_FOUND})


class CorrectionHandle(BaseModel):
    """The correction that a key stands for; the same key always gets the same answer."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    invoice: str


@dataclass(frozen=True)
class Fix:
    """What a line should have said, as it was asked for: its quantity, or its amount in major units, such as 12.30."""

    line: int
    quantity: str | None = None
    amount: str | None = None


def invoice_named(books: Books, name: str) -> Invoice:
    """The issued invoice with this number or id. Raises NOT_FOUND, naming the nearest, and INVALID for a credit note."""
    try:
        return books.invoices.named(name)
    except BillingFailure as failure:
        if failure.code is not FailureCode.NOT_FOUND:
            raise
    books.documents.show(name)
    raise BillingFailure(FailureCode.INVALID, f"{name} is a credit note: name the invoice that it corrects")


def order_for(
    invoice: Invoice,
    deed: Deed,
    key: str,
    *,
    by: str,
    reason: str,
    amount: str | None = None,
    fixes: Sequence[Fix] = (),
    payback: str | None = None,
    category: str | None = None,
) -> CorrectionOrder:
    """The order that a request asks for, with amounts in the invoice's currency; the same key names the same correction.

    Raises INVALID for an amount that its currency does not know, and pydantic's ValidationError for what does not fit.
    """
    return CorrectionOrder.model_validate(
        {
            "deed": deed,
            "invoice": invoice.number,
            "amount": None if amount is None else _money("amount", amount, invoice),
            "lines": tuple(_line_fix(fix, invoice) for fix in fixes),
            "payback": payback,
            "category": category,
            "reason": reason,
            "requested_by": by,
            "occasion": f"k-{digits_of(key, _DIGITS_OF_A_KEY)}",
        }
    )


async def start(
    client: Client, book: CorrectionBook, order: CorrectionOrder, key: str, *, task_queue: str, now: datetime
) -> CorrectionHandle:
    """Begin one, durably once this returns; the same key again is the same one. Raises CONFLICT for a key that stands for
    another order."""
    # On record first: a key that stands for another order is refused before anything begins.
    row = await asyncio.to_thread(book.open, without_card_numbers(order), now, key)
    if row.ending is None:
        summary = f"{row.order.deed.replace('_', ' ')} {row.order.invoice}"
        await begin_once(client, RUNBOOK, row.order, row.case_id, task_queue=task_queue, summary=summary)
    return CorrectionHandle(case_id=row.case_id, invoice=row.order.invoice)


async def story(client: Client, book: CorrectionBook, case: str) -> CorrectionStory:
    """What a correction tells of itself; one that is closed and that Temporal has forgotten, or cannot tell now, as it is
    on record. Raises NOT_FOUND when nobody knows it, UNAVAILABLE when nobody can be asked."""
    try:
        return await ask(client, case, STORY, CorrectionStory)
    except BillingFailure as failure:
        if failure.code not in _AWAY_OR_FORGOTTEN:
            raise
        row = await asyncio.to_thread(book.find, case)
        if row and row.story:
            return row.story
        if row is None and failure.code is FailureCode.NOT_FOUND:
            raise BillingFailure(
                FailureCode.NOT_FOUND, f"there is no correction {case}: `runbooks invoice correction list` names them"
            ) from None
        raise


async def withdraw(client: Client, case: str, order: Instruction, *, request_id: str | None = None) -> str:
    """Give a correction up before it is carried out."""
    return await tell(client, case, WITHDRAW, order, str, request_id)


async def try_again(client: Client, case: str, order: Instruction, *, request_id: str | None = None) -> str:
    """Let a correction go on that was handed over, once its cause is repaired."""
    return await tell(client, case, TRY_AGAIN, order, str, request_id)


def case_named(name: str) -> str:
    """A correction by its case id, or by what stands behind the first slash of it."""
    return name if name.startswith(f"{CASE}/") else f"{CASE}/{name}"


def _line_fix(fix: Fix, invoice: Invoice) -> LineFix:
    amount = None if fix.amount is None else _money(f"amount of line {fix.line}", fix.amount, invoice).minor
    return LineFix.model_validate({"line": fix.line, "quantity": fix.quantity, "amount_minor": amount})


def _money(field: str, amount: str, invoice: Invoice) -> Money:
    try:
        return Money.of(amount, invoice.currency)
    except ValueError as error:
        raise BillingFailure(FailureCode.INVALID, f"{field}: {str(error).removeprefix('amount ')}") from None
