"""A dispute as the customer sees it: where it stands, what comes next, and what they may say to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Query, Response
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from billing.cases import CaseStory, CustomerReply, Withdrawal
from billing.disputes import case_id
from billing.emails import CustomerAsked, DisputeResolved
from billing.failures import BillingFailure, FailureCode
from console.portal.forms import Sent, form_token, is_of_this_tenant, nonce_of
from console.portal.refusals import unknown_page
from console.portal.visits import Visit, Visiting
from console.portal.words import CONTESTED, NOT_SURE, STALE, STEPS, standing
from starters import disputes, stories

log = structlog.get_logger("console")

router = APIRouter()

Reference = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

REPLY, WITHDRAW = "reply", "withdraw"
# Letters of one case that are looked through for what the customer was asked or told.
_LETTERS_MAX = 50

_TOLD = {
    "sent": "Thank you. We have your dispute, and nothing more is needed from you now.",
    "answered": "Thank you, we have your answer.",
    "withdrawn": "The dispute is withdrawn. Nothing on your bill was changed.",
}
_EMPTY = "Write something first."
_TOO_LONG = "Keep it below 20,000 characters; put more into a file and send us its link."
_OVER = "The dispute is closed, so this did not reach anybody. Please reply to our last letter instead."
_TOO_LATE = "It is too late to withdraw: the outcome is already being carried out. You will hear from us."


@dataclass(frozen=True)
class Letters:
    """What the customer was last asked, and the outcome as they were told it; None where there is no such letter."""

    question: CustomerAsked | None
    outcome: DisputeResolved | None


@router.get("/{link}/disputes/{reference}")
async def dispute(visit: Visiting, reference: Reference, told: Annotated[str, Query(max_length=20)] = "") -> Response:
    """One dispute of this tenant; another tenant's is no page, like one that never was."""
    return await _page(visit, reference, notice=_TOLD.get(told, ""))


@router.post("/{link}/disputes/{reference}/reply")
async def reply(visit: Visiting, reference: Reference, form: Sent) -> Response:
    """Hand over an answer, once however often it is sent; it needs no worker."""
    await _own(visit, reference)
    text = form.text("text")
    nonce = nonce_of(visit, _purpose(REPLY, reference), form.line("token"))
    if nonce is None:
        return await _page(visit, reference, status=403, problem=STALE, typed=text)
    if not text:
        return await _page(visit, reference, status=422, problem=_EMPTY)
    try:
        answer = CustomerReply(reply_id=f"portal-{nonce}", text=text, received_at=visit.desk.now())
    except ValidationError:
        return await _page(visit, reference, status=422, problem=_TOO_LONG, typed=text)
    try:
        await disputes.reply(visit.desk.temporal, case_id(reference), answer)
    except BillingFailure as failure:
        return await _refused(visit, reference, failure, _OVER, typed=text)
    log.info("reply from the portal", case_id=case_id(reference))
    return visit.onward(visit.at("disputes", reference, told="answered"))


@router.post("/{link}/disputes/{reference}/withdraw")
async def withdraw(visit: Visiting, reference: Reference, form: Sent) -> Response:
    """End the dispute because the customer no longer contests the bill."""
    await _own(visit, reference)
    nonce = nonce_of(visit, _purpose(WITHDRAW, reference), form.line("token"))
    if nonce is None:
        return await _page(visit, reference, status=403, problem=STALE)
    withdrawal = Withdrawal(by="the customer's portal", reason=form.text("reason")[:2_000])
    try:
        await disputes.withdraw(visit.desk.temporal, case_id(reference), withdrawal, request_id=f"portal-{nonce}")
    except BillingFailure as failure:
        return await _refused(visit, reference, failure, _TOO_LATE)
    log.info("withdrawn from the portal", case_id=case_id(reference))
    return visit.onward(visit.at("disputes", reference, told="withdrawn"))


async def _refused(
    visit: Visit, reference: str, failure: BillingFailure, sentence: str, *, typed: str = ""
) -> Response:
    """The case's no, or the silence of whoever should answer, on the dispute's own page."""
    match failure.code:
        case FailureCode.CONFLICT:
            return await _page(visit, reference, status=409, problem=sentence, typed=typed)
        case FailureCode.UNAVAILABLE:
            return await _page(visit, reference, status=503, problem=NOT_SURE, typed=typed)
        case _:
            raise failure


async def _page(
    visit: Visit, reference: str, *, status: int = 200, notice: str = "", problem: str = "", typed: str = ""
) -> Response:
    story = await _own(visit, reference)
    letters = await run_in_threadpool(_letters, visit, reference)
    row = await run_in_threadpool(visit.desk.books.cases.find, case_id(reference))
    stands = standing(story) if story else None
    if stands and (stands.closed or stands.waiting) and notice == _TOLD["sent"]:
        notice = ""  # an old address, looked at again
    return visit.page(
        "dispute.html",
        status,
        reference=reference,
        story=story,
        stands=stands,
        steps=STEPS,
        case=row,
        letters=letters,
        contested=CONTESTED,
        notice=notice,
        problem=problem,
        typed=typed,
        reply_token=form_token(visit, _purpose(REPLY, reference)),
        withdraw_token=form_token(visit, _purpose(WITHDRAW, reference)),
    )


async def _own(visit: Visit, reference: str) -> CaseStory | None:
    """The story of one of this tenant's disputes; None for one that was surely sent from here and cannot be read yet."""
    try:
        story = await stories.tell(visit.desk.temporal, visit.desk.books, case_id(reference))
    except BillingFailure as failure:
        if failure.code is not FailureCode.UNAVAILABLE or not is_of_this_tenant(visit, reference):
            raise
        return None
    if story.tenant_id != visit.tenant_id:
        raise unknown_page()
    return story


def _letters(visit: Visit, reference: str) -> Letters:
    """What they were written, from the letters themselves: a case's notes are for us, its letters are theirs."""
    sent = visit.desk.books.mail.newest(case_id=case_id(reference), limit=_LETTERS_MAX)
    payloads = [letter.letter.payload for letter in sent]
    return Letters(
        question=next((one for one in payloads if isinstance(one, CustomerAsked)), None),
        outcome=next((one for one in payloads if isinstance(one, DisputeResolved)), None),
    )


def _purpose(deed: str, reference: str) -> str:
    return f"{deed} {reference}"
