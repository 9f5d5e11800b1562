"""Disputes over HTTP: open one, look at them, speak to one. Who speaks is who signed in."""

import uuid
from datetime import UTC, timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from pydantic import AfterValidator, BaseModel
from starlette.concurrency import run_in_threadpool

from adapters.postgres.case_list import DisputeFrequency
from billing.cases import (
    CaseStory,
    CustomerReply,
    DeEscalation,
    Judgement,
    Opening,
    Question,
    Reopening,
    TryAgain,
    Withdrawal,
)
from billing.disputes import Ticket
from billing.failures import BillingFailure, FailureCode
from billing.moments import Moment
from billing.money import Money
from billing.redaction import no_card_number
from billing.spelling import Spelled
from billing.tenants import TenantId
from console.desk import AtDesk
from console.errors import FieldError, Refusal
from console.operators import MayConverse, MayDeEscalate, MayJudge, MayRepair, SignedIn
from console.webhooks import Accepted, open_checked
from console.wishes import JudgementWish, QuestionWish, ReasonWish, ReplyWish, WithdrawalWish
from starters import disputes, listing, stories
from starters.listing import CaseLine

router = APIRouter(tags=["cases"])

# How far back the summary looks when nobody says: the window in which patterns are looked for (D10).
SUMMARY_WINDOW = timedelta(days=30)

CaseId = Annotated[
    str,
    Spelled(r"dispute/[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "name the case as lists show it, such as dispute/T-1042"),
    AfterValidator(no_card_number),
    Path(examples=["dispute/T-1042"]),
]
# The same key again returns the first answer instead of doing it again.
Key = Annotated[
    str,
    Spelled(r"[\x21-\x7e]{1,100}", "write 1 to 100 visible ASCII characters without spaces"),
    AfterValidator(no_card_number),
]
RequestId = Annotated[Key | None, Header(alias="Idempotency-Key")]


class Told(BaseModel):
    """What the case answered."""

    case_id: str
    message: str


@router.get("/cases")
async def list_cases(
    desk: AtDesk,
    operator: SignedIn,
    open_only: Annotated[bool, Query(alias="open")] = True,
    tenant_id: TenantId | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[CaseLine]:
    """Cases, the newest first; with `open=false` the closed ones too."""
    return await listing.cases(desk.temporal, desk.books, open_only=open_only, tenant_id=tenant_id, limit=limit)


@router.post("/disputes", status_code=202)
async def open_dispute(ticket: Ticket, desk: AtDesk, operator: MayConverse) -> Accepted:
    """Open a dispute; the same ticket again is the same case."""
    return await open_checked(ticket, desk)


@router.get("/disputes/summary")
def summary(desk: AtDesk, operator: SignedIn, since: Moment | None = None) -> list[DisputeFrequency]:
    """How often each customer contested each meter since then (default: 30 days), and how often they were right (D14)."""
    return desk.books.cases.frequency((since or desk.now() - SUMMARY_WINDOW).astimezone(UTC))


@router.get("/cases/{case_id:path}")
async def show_case(case_id: CaseId, desk: AtDesk, operator: SignedIn) -> CaseStory:
    """Stage, next step, clocks, money and timeline, as of the case's last step."""
    return await stories.tell(desk.temporal, desk.books, case_id)


@router.post("/cases/{case_id:path}/reply", status_code=202)
async def reply(
    case_id: CaseId, wish: ReplyWish, desk: AtDesk, operator: MayConverse, request_id: RequestId = None
) -> Told:
    """Hand over what the customer answered; the clocks run again."""
    reply_id = wish.reply_id or request_id or f"console-{uuid.uuid4()}"
    answer = CustomerReply(reply_id=reply_id, text=wish.text, received_at=desk.now())
    await disputes.reply(desk.temporal, case_id, answer)
    return Told(case_id=case_id, message="the case has the answer")


@router.post("/cases/{case_id:path}/ask")
async def ask(
    case_id: CaseId, wish: QuestionWish, desk: AtDesk, operator: MayConverse, request_id: RequestId = None
) -> Told:
    """Ask the customer something; the clocks stand still until the answer."""
    question = Question(by=operator.operator_id, text=wish.text)
    message = await disputes.ask_customer(desk.temporal, case_id, question, request_id=request_id)
    return Told(case_id=case_id, message=message)


@router.post("/cases/{case_id:path}/withdraw")
async def withdraw(
    case_id: CaseId, wish: WithdrawalWish, desk: AtDesk, operator: MayConverse, request_id: RequestId = None
) -> Told:
    """End the case because the customer no longer contests the bill."""
    withdrawal = Withdrawal(by=operator.operator_id, reason=wish.reason)
    message = await disputes.withdraw(desk.temporal, case_id, withdrawal, request_id=request_id)
    return Told(case_id=case_id, message=message)


@router.post("/cases/{case_id:path}/judge")
async def judge(
    case_id: CaseId, wish: JudgementWish, desk: AtDesk, operator: MayJudge, request_id: RequestId = None
) -> Told:
    """Resolve by a person's judgement instead of the computed proposal; another person approves the money."""
    judgement = Judgement(
        by=operator.operator_id,
        resolution=wish.resolution,
        amount=_money(wish),
        reason=wish.reason,
        goodwill=wish.goodwill,
    )
    message = await disputes.judge(desk.temporal, case_id, judgement, request_id=request_id)
    return Told(case_id=case_id, message=message)


@router.post("/cases/{case_id:path}/de-escalate")
async def de_escalate(
    case_id: CaseId, wish: ReasonWish, desk: AtDesk, operator: MayDeEscalate, request_id: RequestId = None
) -> Told:
    """Take an escalation back."""
    order = DeEscalation(by=operator.operator_id, reason=wish.reason)
    message = await disputes.de_escalate(desk.temporal, case_id, order, request_id=request_id)
    return Told(case_id=case_id, message=message)


@router.post("/cases/{case_id:path}/try-again")
async def try_again(
    case_id: CaseId, wish: ReasonWish, desk: AtDesk, operator: MayRepair, request_id: RequestId = None
) -> Told:
    """Let a case go on whose step was handed over, once the cause is repaired."""
    order = TryAgain(by=operator.operator_id, reason=wish.reason)
    message = await disputes.try_again(desk.temporal, case_id, order, request_id=request_id)
    return Told(case_id=case_id, message=message)


@router.post("/cases/{case_id:path}/reopen", status_code=202)
async def reopen(case_id: CaseId, wish: ReasonWish, desk: AtDesk, operator: MayConverse) -> Told:
    """Look at a closed case again; its clocks go on from what they had consumed."""
    row = await run_in_threadpool(desk.books.cases.find, case_id)
    if row is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no case {case_id}")
    again = Reopening(by=operator.operator_id, reason=wish.reason, opened_at=desk.now())
    opening = Opening(ticket=row.ticket, reopening=again)
    await disputes.open_dispute(desk.temporal, opening, task_queue=desk.settings.task_queue)
    return Told(case_id=case_id, message="the case is open again")


def _money(wish: JudgementWish) -> Money:
    try:
        return Money.of(wish.amount, wish.currency)
    except ValueError as error:
        wrong = FieldError(field="amount", value=wish.amount, message=str(error))
        raise Refusal(422, "invalid", "the amount cannot be accepted", fields=[wrong]) from None
