"""The HTTP application, put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI
from temporalio.client import Client

from activities.clock import wall_clock
from adapters.postgres.books import Books
from billing.policy.standard import ACCESS
from console import (
    access,
    access_by_hand,
    approvals,
    cases,
    corrections,
    delinquency,
    health,
    holds,
    invoices,
    month_end,
    payments,
    reconciliation,
    retention,
    stripe_events,
    usage,
    webhooks,
)
from console.access_answers import AccessAnswers
from console.bodies import BoundBodies
from console.desk import Desk
from console.errors import REFUSALS, explain_errors
from console.metrics import CountRequests, Metrics
from console.portal import links
from console.portal.app import portal_app
from console.reference import publish_reference
from settings import Settings

_ABOUT = """Billing runbooks over HTTP.

Support desks send signed webhooks, collectors usage events with a usage token, and gateways ask with an access token
what they may let through.
Operators send `Authorization: Bearer <operator token>`; every decision they make is
signed with it. Errors always read `{"error": {"code", "message", "fields": [{"field", "value", "message"}]}}`; a 503
carries `Retry-After` and may be repeated as it was."""


def create_app(
    settings: Settings, temporal: Client, books: Books, *, now: Callable[[], datetime] = wall_clock
) -> FastAPI:
    """The application over these; raises SettingsError when no secret for tickets is set."""
    settings.need("ticket_webhook_secret")
    app = FastAPI(title="Billing runbooks", description=_ABOUT, version="1", docs_url=None, redoc_url=None)
    metrics = Metrics()
    desk = app.state.desk = Desk(settings=settings, temporal=temporal, books=books, now=now, metrics=metrics)
    app.state.access = AccessAnswers(books.restrictions, ACCESS, now)
    explain_errors(app)
    app.add_middleware(BoundBodies)
    app.add_middleware(CountRequests, metrics=metrics)
    # Routes are tried in order, and nobody asks as often as gateways.
    app.include_router(access.router, responses=REFUSALS)
    app.include_router(health.router)
    for part in (
        webhooks,
        approvals,
        cases,
        month_end,
        reconciliation,
        retention,
        stripe_events,
        holds,
        access_by_hand,
        corrections,
        delinquency,
        invoices,
        payments,
        usage,
        links,
    ):
        app.include_router(part.router, responses=REFUSALS)
    publish_reference(app)
    app.mount("/portal", portal_app(desk))
    return app
