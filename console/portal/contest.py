"""Contesting a bill: the form, and what becomes of it. One form is one case, however often it is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from billing.cases import Opening
from billing.disputes import Ticket, case_id
from billing.failures import BillingFailure, FailureCode
from billing.tenants import MeterName
from console.errors import RETRY_AFTER_SECONDS
from console.portal.contest_form import Contest, Flaws, in_fields, ticket_of
from console.portal.forms import Sent, form_token, nonce_of, reference_of
from console.portal.months import BillingMonthView, read_month
from console.portal.refusals import Shut, unknown_page
from console.portal.visits import Visit, Visiting
from console.portal.words import CATEGORIES
from starters import disputes
from starters.intake import is_registered, problems

log = structlog.get_logger("console")

router = APIRouter()

Month = Annotated[str, Query(pattern=r"^[12][0-9]{3}-(0[1-9]|1[0-2])$")]

_STALE = (
    "This form was opened with another link, or too long ago. Nothing was sent: please look it over and send it again."
)
_NOT_NOW = "We could not take it just now. Nothing is lost: please send it again in a moment."


@router.get("/{link}/contest")
def form(visit: Visiting, month: Month, meter: MeterName | None = None) -> Response:
    """The form for a month's invoice, with a meter already ticked."""
    shown = _invoiced(visit, month)
    ticked = (meter,) if meter and any(one.meter.meter == meter for one in shown.billed) else ()
    return _page(visit, shown, Contest(meters=ticked, email=visit.tenant.billing_email), _fresh(visit, month))


@router.post("/{link}/contest")
async def contest(visit: Visiting, form: Sent, month: Month) -> Response:
    """Open the dispute; 422 shows the form again with what is wrong beside each field."""
    typed = Contest.typed_in(form)
    shown = await run_in_threadpool(_invoiced, visit, month)
    nonce = nonce_of(visit, _purpose(month), form.line("token"))
    if nonce is None:
        return _page(visit, shown, replace(typed, flaws={"": [_STALE]}), _fresh(visit, month), 403)
    token = form_token(visit, _purpose(month), nonce)
    reference = reference_of(visit, nonce)
    ticket, flaws = await run_in_threadpool(_examined, visit, shown, typed, reference)
    if flaws:
        return _page(visit, shown, replace(typed, flaws=flaws), token, 422)
    try:
        await _open(visit, ticket)
    except BillingFailure as failure:
        if failure.code is not FailureCode.UNAVAILABLE:
            raise
        return _page(visit, shown, replace(typed, flaws={"": [_NOT_NOW]}), token, 503)
    return visit.onward(visit.at("disputes", reference, told="sent"))


def _invoiced(visit: Visit, month: str) -> BillingMonthView:
    """The month with its invoice; what was not billed cannot be contested."""
    if month not in visit.desk.books.usage.months(visit.tenant_id):
        raise unknown_page()
    shown = read_month(visit.desk.books, visit.tenant, month)
    if not shown.billed:
        raise Shut(404, "There is nothing to contest yet", "No invoice with usage has been issued for this month.")
    return shown


def _examined(visit: Visit, shown: BillingMonthView, typed: Contest, reference: str) -> tuple[Ticket | None, Flaws]:
    """The ticket, None when it is registered already; or what is wrong with what was typed."""
    now = visit.desk.now()
    ticket, flaws = ticket_of(typed, visit, shown, reference=reference, now=now)
    if ticket is None:
        return None, flaws
    if is_registered(ticket, visit.desk.books):
        return None, {}
    return ticket, in_fields(problems(ticket, visit.desk.books, now))


async def _open(visit: Visit, ticket: Ticket | None) -> None:
    if ticket is None:
        return
    desk = visit.desk
    with desk.metrics.counting_tickets("portal"):
        opened = await disputes.open_dispute(desk.temporal, Opening(ticket=ticket), task_queue=desk.settings.task_queue)
    log.info("dispute from the portal", case_id=case_id(ticket.ticket_id), created=opened.created)


def _page(visit: Visit, shown: BillingMonthView, typed: Contest, token: str, status: int = 200) -> Response:
    return visit.page(
        "contest.html",
        status,
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None,
        shown=shown,
        typed=typed,
        flaws=typed.flaws,
        token=token,
        categories=CATEGORIES,
    )


def _fresh(visit: Visit, month: str) -> str:
    return form_token(visit, _purpose(month))


def _purpose(month: str) -> str:
    return f"contest {month}"
