"""What is counted: requests by route and status, tickets by outcome, decisions by verdict (P2, P10)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.failures import BillingFailure
from console.errors import Refusal

# From a health check to a decision that waits for a worker.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The counters of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "runbooks_http_requests_total",
            "HTTP requests answered",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "runbooks_http_request_seconds",
            "Time to answer an HTTP request",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.tickets = Counter(
            "runbooks_tickets_total",
            "Ticket events by source and outcome: accepted, or the code of the refusal",
            ("source", "outcome"),
            registry=self.registry,
        )
        self.decisions = Counter(
            "runbooks_approvals_decided_total",
            "Decisions handed in over HTTP by verdict and whether they counted",
            ("verdict", "accepted"),
            registry=self.registry,
        )

        self.usage = Counter(
            "runbooks_usage_events_total",
            "Usage events sent over HTTP by what became of them: stored, late (among the stored), known, refused",
            ("outcome",),
            registry=self.registry,
        )

        self.stripe_events = Counter(
            "runbooks_stripe_events_total",
            "Events of Stripe that were sent by what became of them: kept, known, or the code of the refusal",
            ("outcome",),
            registry=self.registry,
        )
        self.stale_access = Counter(
            "runbooks_access_stale_total",
            "Answers about access that were repeated because the books could not be asked",
            registry=self.registry,
        )

    @contextmanager
    def counting_tickets(self, source: str) -> Iterator[None]:
        """Count one ticket event of a source by how its handling ends."""
        outcome = "failed"
        try:
            yield
            outcome = "accepted"
        except Refusal as refusal:
            outcome = refusal.answer.error.code
            raise
        except BillingFailure as failure:
            outcome = failure.code.value
            raise
        finally:
            self.tickets.labels(source, outcome).inc()


class CountRequests:
    """ASGI middleware: counts and times every request under the template of its route, so that ids make no series."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, started = 500, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, status).inc()
            self._metrics.seconds.labels(method, route).observe(time.perf_counter() - started)
        return None


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
