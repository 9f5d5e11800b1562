"""Signed webhooks of support desks. A 202 means that the case is durably started, or has durably heard (U1).

Starting a case needs only Temporal: while the database is away tickets are accepted unchecked and the case checks them
when it opens. While Temporal is away the answer is 503, and the desk sends the ticket again.
"""

import asyncio
import hashlib
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from billing.cases import Opening
from billing.disputes import Ticket, case_id
from billing.failures import BillingFailure, FailureCode
from console.desk import AtDesk, Desk
from console.errors import FieldError, Refusal
from console.signatures import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    ZENDESK_SIGNATURE_HEADER,
    ZENDESK_TIMESTAMP_HEADER,
    objection,
    zendesk_objection,
)
from console.ticket_events import (
    EXAMPLE,
    CustomerReplied,
    TicketCreated,
    TicketEvent,
    TicketWithdrawn,
    read_event,
    read_zendesk_event,
)
from starters import disputes
from starters.flaws import shown
from starters.intake import is_registered, problems

log = structlog.get_logger("console")

# A ticket does not wait longer than this for the database's opinion.
CHECK_WITHIN_SECONDS = 1.0

router = APIRouter(tags=["webhooks"])


class Accepted(BaseModel):
    """The case that took the event; `created` False: it was there before."""

    case_id: str
    created: bool = False


# Bodies are read raw, since their bytes are signed; this is what describes them.
def _described(example: dict[str, object]) -> dict[str, object]:
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}, "example": example}},
        }
    }


@router.post("/webhooks/tickets", status_code=202, openapi_extra=_described(EXAMPLE))
async def ticket_webhook(
    request: Request,
    desk: AtDesk,
    timestamp: Annotated[str | None, Header(alias=TIMESTAMP_HEADER, description="whole seconds since 1970")] = None,
    signature: Annotated[
        str | None, Header(alias=SIGNATURE_HEADER, description="v1=<hex>, several with commas")
    ] = None,
) -> Accepted:
    """Take one event: `created` with a ticket, `replied` with a reply, `withdrawn` with a withdrawal.

    It is signed with HMAC-SHA256 over `<timestamp>.<body>`, not more than 300 seconds ago. Sending it twice changes
    nothing.
    """
    with desk.metrics.counting_tickets("tickets"):
        body, secrets = await request.body(), desk.settings.ticket_webhook_secrets
        if problem := objection(body, timestamp=timestamp, signature=signature, secrets=secrets, now=desk.now()):
            raise Refusal(401, "not_signed", problem)
        return await take(read_event(body), hashlib.sha256(body).hexdigest(), desk, within="ticket.")


@router.post(
    "/webhooks/zendesk",
    status_code=202,
    response_model=Accepted,
    responses={204: {"description": "a comment that is not the customer's, or not public"}},
    openapi_extra=_described({"event": "commented", "ticket": {"id": 4711}, "comment": {"id": 99, "body": "..."}}),
)
async def zendesk_webhook(
    request: Request,
    desk: AtDesk,
    timestamp: Annotated[str | None, Header(alias=ZENDESK_TIMESTAMP_HEADER)] = None,
    signature: Annotated[str | None, Header(alias=ZENDESK_SIGNATURE_HEADER)] = None,
) -> Response:
    """The same for a Zendesk trigger, signed by Zendesk; `adapters/zendesk.py` describes the body."""
    with desk.metrics.counting_tickets("zendesk"):
        body, secret = await request.body(), desk.settings.zendesk_webhook_secret
        if secret is None:
            raise Refusal(404, "not_configured", "set RUNBOOKS_ZENDESK_WEBHOOK_SECRET to accept tickets from Zendesk")
        key = secret.get_secret_value()
        if problem := zendesk_objection(body, timestamp=timestamp, signature=signature, secret=key, now=desk.now()):
            raise Refusal(401, "not_signed", problem)
        event = read_zendesk_event(body)
        if event is None:
            return Response(status_code=204)
        accepted = await take(event, hashlib.sha256(body).hexdigest(), desk)
        return JSONResponse(accepted.model_dump(), 202)


async def take(event: TicketEvent, delivery: str, desk: Desk, *, within: str = "") -> Accepted:
    """Hand an event to its case; `delivery` names this very message, so that a repeated one is recognised."""
    match event:
        case TicketCreated(ticket=ticket):
            accepted = await open_checked(ticket, desk, within=within)
        case CustomerReplied(ticket_id=ticket_id, reply=answer):
            accepted = Accepted(case_id=case_id(ticket_id))
            await disputes.reply(desk.temporal, accepted.case_id, answer)
        case TicketWithdrawn(ticket_id=ticket_id, withdrawal=withdrawal):
            accepted = Accepted(case_id=case_id(ticket_id))
            await disputes.withdraw(desk.temporal, accepted.case_id, withdrawal, request_id=delivery)
    log.info("ticket event taken", case_id=accepted.case_id, kind=event.event, created=accepted.created)
    return accepted


async def open_checked(ticket: Ticket, desk: Desk, *, within: str = "") -> Accepted:
    """Start the ticket's case unless it is there already or the books, if they answer in time, object to it.

    `within` is where the sender wrote the ticket's fields, such as `ticket.`; refused fields are named like that.
    """
    case = case_id(ticket.ticket_id)
    if await disputes.is_taken(desk.temporal, case):
        return Accepted(case_id=case)
    try:
        async with asyncio.timeout(CHECK_WITHIN_SECONDS):
            if await asyncio.to_thread(is_registered, ticket, desk.books):
                return Accepted(case_id=case)
            found = await asyncio.to_thread(problems, ticket, desk.books, desk.now())
    except (TimeoutError, BillingFailure) as failure:
        if isinstance(failure, BillingFailure) and failure.code is not FailureCode.UNAVAILABLE:
            raise
        log.warning("ticket accepted unchecked: the database does not answer", case_id=case)
        found = []
    if found:
        fields = [_field_of(problem, ticket, within) for problem in found]
        raise Refusal(422, "invalid", " ".join(found), fields=fields)
    opened = await disputes.open_dispute(desk.temporal, Opening(ticket=ticket), task_queue=desk.settings.task_queue)
    return Accepted(case_id=opened.case_id, created=opened.created)


def _field_of(problem: str, ticket: Ticket, within: str) -> FieldError:
    """Problems start with the field they are about."""
    name = problem.partition(":")[0]
    return FieldError(field=f"{within}{name}", value=shown(getattr(ticket, name)), message=problem)
