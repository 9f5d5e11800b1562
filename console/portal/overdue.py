"""What a customer owes, what that does to its service, and a promise to pay it by a day."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from billing.access import AccessStanding
from billing.arrangements import Arrangement
from billing.failures import BillingFailure, FailureCode
from billing.periods import local_day
from billing.recovery import BY_CUSTOMER, ArrangementOrder, RecoveryStory
from console.errors import RETRY_AFTER_SECONDS
from console.portal.forms import Sent, form_token, nonce_of
from console.portal.visits import Visit, Visiting
from console.portal.words import NOT_SURE, SERVICE, STALE
from starters import delinquency

log = structlog.get_logger("console")

router = APIRouter()

_PURPOSE = "promise"
_REASON = "Promised in the portal."

_TOLD = {"promised": "Thank you. We have noted the day, and you get a letter that says so."}
_NO_DAY = "Choose a day from today on."
_NOT_THAT_DAY = "We could not note that day. Choose one that is offered here, or reply to our last letter."
_NOT_ANY_MORE = "This changed in the meantime, so nothing was noted. Please look again at what stands here now."
_REFUSALS = {
    FailureCode.INVALID: (422, _NOT_THAT_DAY),
    FailureCode.CONFLICT: (409, _NOT_ANY_MORE),
    FailureCode.NOT_FOUND: (409, _NOT_ANY_MORE),
    FailureCode.UNAVAILABLE: (503, NOT_SURE),
}


def is_overdue(visit: Visit) -> bool:
    """Whether we collect anything from this customer at the moment."""
    newest = visit.desk.books.delinquencies.find(visit.tenant_id)
    return newest is not None and newest.ending is None


@router.get("/{link}/overdue")
async def overdue(visit: Visiting, told: Annotated[str, Query(max_length=20)] = "") -> Response:
    """What is due on which invoice since when, and the form for a promise where one may be given."""
    return await _page(visit, notice=_TOLD.get(told, ""))


@router.post("/{link}/overdue/promise")
async def promise(visit: Visiting, form: Sent) -> Response:
    """Note the day by which the customer says it pays, once however often the form is sent."""
    nonce = nonce_of(visit, _PURPOSE, form.line("token"))
    if nonce is None:
        return await _page(visit, status=403, problem=STALE)
    day = _day(form.line("day"))
    if day is None or day < _today(visit):
        return await _page(visit, status=422, problem=_NO_DAY)
    story = await _story(visit)
    if story and story.may_promise_by and day > story.may_promise_by:
        return await _page(visit, status=422, problem=_NOT_THAT_DAY)
    order = ArrangementOrder(kind=Arrangement.PROMISE, by=BY_CUSTOMER, until=day, reason=_REASON)
    book = visit.desk.books.delinquencies
    try:
        await delinquency.arrange(visit.desk.temporal, book, visit.tenant_id, order, request_id=f"portal-{nonce}")
    except BillingFailure as failure:
        if failure.code not in _REFUSALS:
            raise
        status, sentence = _REFUSALS[failure.code]
        return await _page(visit, status=status, problem=sentence)
    log.info("promise from the portal", case_id=delinquency.case_of(visit.tenant_id))
    return visit.onward(visit.at("overdue", told="promised"))


async def _page(visit: Visit, *, status: int = 200, notice: str = "", problem: str = "") -> Response:
    story = await _story(visit)
    service = (story.service if story else None) or AccessStanding(tenant_id=visit.tenant_id)
    return visit.page(
        "overdue.html",
        status,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None,
        story=story,
        since={debt.invoice_id: local_day(debt.since, visit.tenant.zone) for debt in story.debts} if story else {},
        service=SERVICE[service.restriction],
        today=_today(visit),
        notice=notice,
        problem=problem,
        token=form_token(visit, _PURPOSE),
    )


async def _story(visit: Visit) -> RecoveryStory | None:
    """The case as it stands; None when nothing is collected at the moment. Raises UNAVAILABLE when nobody can tell."""
    if not await run_in_threadpool(is_overdue, visit):
        return None
    return await delinquency.story(visit.desk.temporal, visit.desk.books.delinquencies, visit.tenant_id)


def _today(visit: Visit) -> date:
    return local_day(visit.desk.now(), visit.tenant.zone)


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None
