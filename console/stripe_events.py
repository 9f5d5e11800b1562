"""Stripe's events over HTTP: the signed webhook, whose 200 means that the event is kept, and what became of each."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from adapters.stripe.webhook import SIGNATURE_HEADER, SentEvent, livemode_of, objection
from billing.cases import Reason
from billing.failures import BillingFailure
from billing.provider_events import Arrival, EventLine, EventState
from billing.spelling import Spelled
from billing.tenants import TenantId
from console.desk import AtDesk, Desk
from console.errors import FieldError, Refusal, field_errors
from console.operators import MayRepair, SignedIn
from starters import provider_events
from starters.provider_events import Bell, EventPage

log = structlog.get_logger("console")

router = APIRouter()

EventId = Annotated[str, Spelled(r"evt_[A-Za-z0-9_]{1,200}", "name the event as lists do: evt_1PqR"), Path()]
RETRIED_AT_ONCE_MAX = 100


class Kept(BaseModel):
    """The event is kept; `new` False: it was here before."""

    event_id: str
    new: bool


class RetryWish(BaseModel):
    """Which events are tried again, and why; none named: every parked one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_ids: Annotated[tuple[str, ...], Field(max_length=RETRIED_AT_ONCE_MAX)] = ()
    reason: Reason


class RetriedMany(BaseModel):
    """How many events are tried again."""

    retried: int


def _bell(request: Request, desk: AtDesk) -> Bell:
    """One for the application, made when it is first pressed."""
    state = request.app.state
    if not hasattr(state, "stripe_bell"):
        state.stripe_bell = Bell(lambda: provider_events.poke(desk.temporal, desk.settings.task_queue))
    bell: Bell = state.stripe_bell
    return bell


@router.post(
    "/webhooks/stripe",
    tags=["webhooks"],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"id": "evt_1PqR", "object": "event", "type": "invoice.paid", "data": {"object": {}}},
                }
            },
        }
    },
)
async def stripe_webhook(
    request: Request,
    desk: AtDesk,
    bell: Annotated[Bell, Depends(_bell)],
    signature: Annotated[str | None, Header(alias=SIGNATURE_HEADER, description="t=<seconds>,v1=<hex>")] = None,
) -> Kept:
    """Keep one event of Stripe, as it came, before the answer; sent twice it is kept once. What it means is found out
    afterwards, by reading from Stripe how things stand.

    It is signed with the endpoint's secret, not more than 300 seconds from our clock; it is of this account, and of live
    or test mode as our own key.
    """
    with _counted(desk):
        secrets = desk.settings.stripe_webhook_secrets
        if not secrets:
            raise Refusal(404, "not_configured", "set RUNBOOKS_STRIPE_WEBHOOK_SECRET to accept events from Stripe")
        body = await request.body()
        raw = _text_of(body)
        if problem := objection(body, signature, secrets, desk.now()):
            raise Refusal(401, "not_signed", problem, fields=[_field(SIGNATURE_HEADER, "", problem)])
        event = _read(body, desk).arrived(raw)
        new = await asyncio.to_thread(desk.books.provider_events.keep, [event], Arrival.WEBHOOK, desk.now())
    desk.metrics.stripe_events.labels("kept" if new else "known").inc()
    if new:
        bell.press()
    log.info("event kept", event_id=event.event_id, type=event.type, new=bool(new))
    return Kept(event_id=event.event_id, new=bool(new))


@router.get("/provider-events", tags=["provider events"])
async def list_events(
    desk: AtDesk,
    operator: SignedIn,
    state: EventState | None = None,
    tenant_id: TenantId | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[EventLine]:
    """The latest to arrive, perhaps of one state or tenant only."""
    return list(await run_in_threadpool(desk.books.provider_events.newest, state, tenant_id, limit))


@router.post("/provider-events/retry", tags=["provider events"], status_code=202)
async def retry_many(wish: RetryWish, desk: AtDesk, operator: MayRepair) -> RetriedMany:
    """Have the named events tried again now, or every parked one; 404 names one that never came."""
    book, by, why = desk.books.provider_events, operator.operator_id, wish.reason
    known: dict[str, Any] = {"task_queue": desk.settings.task_queue, "now": desk.now()}
    if wish.event_ids:
        tried = await provider_events.retry(desk.temporal, book, wish.event_ids, by, why, **known)
    else:
        tried = await provider_events.retry_parked(desk.temporal, book, by, why, **known)
    return RetriedMany(retried=tried)


@router.get("/provider-events/{event_id}", tags=["provider events"])
async def show(event_id: EventId, desk: AtDesk, operator: SignedIn) -> EventPage:
    """One event with what Stripe sent; secrets and links that open documents are hidden."""
    return await run_in_threadpool(provider_events.page, desk.books.provider_events, event_id)


def _text_of(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "malformed_json", "the body is not JSON in UTF-8") from None


def _read(body: bytes, desk: Desk) -> SentEvent:
    try:
        event = SentEvent.model_validate_json(body)
    except ValidationError as error:
        flaws = error.errors()
        if flaws[0]["type"] == "json_invalid":
            raise Refusal(400, "malformed_json", "the body is not JSON") from None
        raise Refusal(422, "invalid", "this is no event that we take", fields=field_errors(flaws)) from None
    if event.account is not None:
        why = "it is another account's: register the endpoint for your own account's events, not for connected ones"
        raise Refusal(422, "invalid", why, fields=[_field("account", event.account, why)])
    key = desk.settings.stripe_api_key
    live = livemode_of(key.get_secret_value()) if key else None
    if live is not None and live is not event.livemode:
        why = f"it is of {_mode(event.livemode)}, and RUNBOOKS_STRIPE_API_KEY is a key of {_mode(live)}"
        raise Refusal(422, "invalid", why, fields=[_field("livemode", str(event.livemode).lower(), why)])
    return event


def _mode(live: bool) -> str:
    return "live mode" if live else "test mode"


def _field(name: str, value: str, why: str) -> FieldError:
    return FieldError(field=name, value=value[:80], message=why)


@contextmanager
def _counted(desk: Desk) -> Iterator[None]:
    """Count an event that was not kept by why."""
    try:
        yield
    except Refusal as refusal:
        desk.metrics.stripe_events.labels(refusal.answer.error.code).inc()
        raise
    except BillingFailure as failure:
        desk.metrics.stripe_events.labels(failure.code.value).inc()
        raise
