"""Collecting over HTTP: how an invoice stands with every attempt at it, and charging it now."""

from typing import Annotated

from fastapi import APIRouter, Header

from billing.payments import AttemptResult, ManualAttempt
from console.corrections import Document
from console.desk import AtDesk
from console.month_end import Key
from console.operators import MayCharge, SignedIn
from console.wishes import ReasonWish
from starters import payments
from starters.payments import PaymentsPage

router = APIRouter(prefix="/payments", tags=["payments"])


@router.post("/{document:path}/attempts")
async def charge(
    document: Document,
    wish: ReasonWish,
    desk: AtDesk,
    operator: MayCharge,
    key: Annotated[Key, Header(alias="Idempotency-Key")],
) -> AttemptResult:
    """Charge what is due on the invoice now; the schedule stays as it is. The same key again charges nothing new and gets
    what became of the first; 409 once it was charged by hand too often."""
    attempt = ManualAttempt(by=operator.operator_id, reason=wish.reason)
    return await payments.charge_now(
        desk.temporal, desk.books.receivables, document, attempt, key, task_queue=desk.settings.task_queue
    )


@router.get("/{document:path}")
async def show(document: Document, desk: AtDesk, operator: SignedIn) -> PaymentsPage:
    """How the invoice stands, as last read at the provider, every attempt to collect it, and the next one."""
    return await payments.page(desk.temporal, desk.books.receivables, document)
