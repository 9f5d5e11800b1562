"""Recoveries of unpaid invoices over HTTP: look at one, agree on something. Who speaks is who signed in."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from activities.delinquency_ports import DelinquencyRow
from billing.arrangements import Arrangement
from billing.cases import Reason
from billing.invoice_corrections import InvoiceName
from billing.money import Currency
from billing.month_end import Instruction
from billing.recovery import ArrangementOrder, RecoveryStory
from billing.spelling import Spelled
from console.cases import Told
from console.desk import AtDesk
from console.errors import wrong_fields
from console.month_end import RequestId
from console.operators import MayArrange, SignedIn
from console.wishes import MajorUnits, ReasonWish
from starters import delinquency

router = APIRouter(prefix="/delinquencies", tags=["delinquencies"])

Name = Annotated[
    str,
    Spelled(
        r"(delinquency/)?[a-z0-9][a-z0-9-]{0,62}(/[1-9][0-9]{0,5})?",
        "name the customer, such as acme, or one of its recoveries, such as delinquency/acme/1",
    ),
    Path(examples=["acme"]),
]


class ArrangementWish(BaseModel):
    """What is to be agreed on: a promise and an exemption name their last day where the customer is, an extension its days,
    money that came another way its invoice, amount (major units as text, such as "310.00") and currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Arrangement
    until: date | None = None
    days: Annotated[int, Field(ge=1, le=366)] | None = None
    invoice: InvoiceName | None = None
    amount: MajorUnits | None = None
    currency: Currency | None = None
    reason: Reason


@router.get("")
async def latest(
    desk: AtDesk,
    operator: SignedIn,
    open_only: Annotated[bool, Query(alias="open")] = True,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[DelinquencyRow]:
    """Those on record, the newest first, each with its story as it was told last."""

    def read() -> list[DelinquencyRow]:
        return list(desk.books.delinquencies.latest(limit, only_open=open_only))

    return await run_in_threadpool(read)


@router.get("/{name:path}")
async def show(name: Name, desk: AtDesk, operator: SignedIn) -> RecoveryStory:
    """Rung, next step and when, net due, why it waits, open question and timeline, as of its last step."""
    return await delinquency.story(desk.temporal, desk.books.delinquencies, name)


@router.post("/{name:path}/arrangements")
async def arrange(
    name: Name, wish: ArrangementWish, desk: AtDesk, operator: MayArrange, request_id: RequestId = None
) -> Told:
    """Agree on something; the message says whether it counts, or whose approval it waits for. The same Idempotency-Key again
    gets the same answer."""
    try:
        terms = wish.model_dump(exclude={"amount", "currency"})
        amount = wish.amount and wish.currency and delinquency.money_of(wish.amount, wish.currency)
        order = ArrangementOrder(by=operator.operator_id, amount=amount or None, **terms)
    except ValidationError as error:
        raise wrong_fields(error.errors()) from None
    book = desk.books.delinquencies
    message = await delinquency.arrange(desk.temporal, book, name, order, request_id=request_id)
    return Told(case_id=delinquency.case_of(name), message=message)


@router.post("/{name:path}/try-again")
async def try_again(
    name: Name, wish: ReasonWish, desk: AtDesk, operator: MayArrange, request_id: RequestId = None
) -> Told:
    """Let a case go on that was handed over, once the cause is repaired."""
    order = Instruction(by=operator.operator_id, reason=wish.reason)
    message = await delinquency.try_again(desk.temporal, desk.books.delinquencies, name, order, request_id=request_id)
    return Told(case_id=delinquency.case_of(name), message=message)
