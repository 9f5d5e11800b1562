"""Corrections of issued invoices over HTTP: order one, look at it, give it up. Who speaks is who signed in."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from activities.invoice_correction_ports import CorrectionRow
from billing.disputes import Line
from billing.invoice_corrections import CorrectionOrder, CorrectionStory
from billing.invoices import Invoice
from billing.month_end import Instruction
from billing.spelling import Spelled
from console.cases import Told
from console.desk import AtDesk
from console.errors import wrong_fields
from console.month_end import Key, RequestId
from console.operators import MayCorrect, Signed, SignedIn
from console.wishes import CorrectionWish, ReasonWish
from starters import corrections
from starters.corrections import CorrectionHandle, Fix

router = APIRouter(prefix="/billing", tags=["corrections"])

Document = Annotated[
    Line, Path(min_length=1, description="the invoice's id or its number", examples=["INV-2026-10-0001"])
]
Case = Annotated[
    str,
    Spelled(
        r"(correction/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[a-z0-9][a-z0-9-]{0,62}",
        "name the correction as lists show it, such as correction/INV-2026-000042/k-1f3a5c7e",
    ),
    Path(examples=["correction/INV-2026-000042/k-1f3a5c7e"]),
]


@router.post("/invoices/{document:path}/corrections", status_code=202)
async def order(
    document: Document,
    wish: CorrectionWish,
    desk: AtDesk,
    operator: MayCorrect,
    key: Annotated[Key, Header(alias="Idempotency-Key")],
) -> CorrectionHandle:
    """Order a correction; it is carried out once another person has approved it. The same key again gets the same answer;
    409 when it stands for another order."""
    invoice = await run_in_threadpool(corrections.invoice_named, desk.books, document)
    ordered = _ordered(invoice, wish, operator, key)
    queue = desk.settings.task_queue
    return await corrections.start(
        desk.temporal, desk.books.corrections, ordered, key, task_queue=queue, now=desk.now()
    )


@router.get("/corrections")
async def latest(
    desk: AtDesk,
    operator: SignedIn,
    open_only: Annotated[bool, Query(alias="open")] = False,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[CorrectionRow]:
    """Those on record, the newest first; `story` is null while one is under way."""

    def read() -> list[CorrectionRow]:
        return list(desk.books.corrections.latest(limit, only_open=open_only))

    return await run_in_threadpool(read)


@router.get("/corrections/{case:path}")
async def show(case: Case, desk: AtDesk, operator: SignedIn) -> CorrectionStory:
    """Stage, what it changes, open question and timeline, as of its last step."""
    return await corrections.story(desk.temporal, desk.books.corrections, corrections.case_named(case))


@router.post("/corrections/{case:path}/withdraw")
async def withdraw(
    case: Case, wish: ReasonWish, desk: AtDesk, operator: MayCorrect, request_id: RequestId = None
) -> Told:
    """Give it up before it is carried out."""
    named, instruction = corrections.case_named(case), Instruction(by=operator.operator_id, reason=wish.reason)
    message = await corrections.withdraw(desk.temporal, named, instruction, request_id=request_id)
    return Told(case_id=named, message=message)


@router.post("/corrections/{case:path}/try-again")
async def try_again(
    case: Case, wish: ReasonWish, desk: AtDesk, operator: MayCorrect, request_id: RequestId = None
) -> Told:
    """Let it go on that was handed over, once the cause is repaired."""
    named, instruction = corrections.case_named(case), Instruction(by=operator.operator_id, reason=wish.reason)
    message = await corrections.try_again(desk.temporal, named, instruction, request_id=request_id)
    return Told(case_id=named, message=message)


def _ordered(invoice: Invoice, wish: CorrectionWish, operator: Signed, key: str) -> CorrectionOrder:
    try:
        return corrections.order_for(
            invoice,
            wish.deed,
            key,
            by=operator.operator_id,
            reason=wish.reason,
            amount=wish.amount,
            fixes=[Fix(line=one.line, quantity=one.quantity, amount=one.amount) for one in wish.lines],
            payback=wish.payback,
            category=wish.category,
        )
    except ValidationError as error:
        raise wrong_fields(error.errors()) from None
