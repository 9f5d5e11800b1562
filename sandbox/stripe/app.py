"""The simulator as a web application: Stripe's API, the control API and the pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.stripe.clock import Clock
from sandbox.stripe.control_api import ControlApi
from sandbox.stripe.faults import FaultKind
from sandbox.stripe.pages import page_routes
from sandbox.stripe.pipeline import Incoming, Outcome, Pipeline
from sandbox.stripe.state.account import API_VERSION, Account
from sandbox.stripe.state.store import Store
from sandbox.stripe.timekeeping import Timekeeper
from sandbox.stripe.webhooks import Postman

STATE_FILE = "stripe.sqlite"


def simulator_app(
    data: Path | None = None, validate: bool = False, requests_a_second: float | None = None
) -> Starlette:
    """The application. `data` is the directory that keeps its state, None keeps it in memory; without
    `requests_a_second` it never answers 429 by itself.

    With `validate`, every request and answer is checked against the contract and differences are listed at
    `/_sim/violations`. Must be served by `server.serve`, which lets it break connections.
    """
    store = Store(data / STATE_FILE if data else None)
    pipeline = Pipeline(store, Clock(store), validate, requests_a_second)
    account = Account(store, pipeline.clock)
    postman = Postman(account)
    timekeeper = Timekeeper(account, postman)

    async def api(request: Request) -> Response:
        incoming = await _incoming(request)
        outcome = await pipeline.answer(incoming)
        if incoming.method != "GET":
            timekeeper.wake()
        return _response(outcome, incoming)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        keeping = asyncio.create_task(timekeeper.run())
        yield
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await postman.close()
        store.close()

    routes = [
        *ControlApi(pipeline, timekeeper).routes(),
        *page_routes(store, pipeline.clock),
        Route("/{anything:path}", api, methods=["GET", "POST", "DELETE"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


class BrokenResponse(Response):
    """An answer that does not arrive whole: the connection is closed before it, or half way through."""

    def __init__(self, content: bytes, headers: dict[str, str], cut_at: int) -> None:
        super().__init__(content, headers=headers)
        self._cut_at = cut_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is to arrive, then close the connection underneath the server."""
        if self._cut_at:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            part = bytes(self.body)[: self._cut_at]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        transport: asyncio.Transport = scope["state"]["transport"]
        transport.close()
        await asyncio.sleep(0.01)  # until the server has noticed, or it would answer 500 by itself


async def _incoming(request: Request) -> Incoming:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    is_form = request.method == "POST"
    return Incoming(
        method=request.method,
        path=request.url.path,
        encoded=(await request.body()).decode(errors="replace") if is_form else request.url.query,
        api_key=credentials if scheme.lower() == "bearer" and credentials else None,
        idempotency_key=request.headers.get("idempotency-key") or None,
        address=str(request.base_url).rstrip("/"),
    )


def _response(outcome: Outcome, incoming: Incoming) -> Response:
    headers = {"Request-Id": outcome.request_id, "Stripe-Version": API_VERSION, **outcome.headers}
    if incoming.idempotency_key:
        headers["Idempotency-Key"] = incoming.idempotency_key.encode("latin-1", "replace").decode("latin-1")
    headers["content-type"] = "application/json"
    content = json.dumps(outcome.body).encode()
    match outcome.fault.kind if outcome.fault else None:
        case FaultKind.LOST_ANSWER:
            return BrokenResponse(content, headers, cut_at=0)
        case FaultKind.TRUNCATED_ANSWER:
            return BrokenResponse(content, headers, cut_at=len(content) // 2)
        case FaultKind.GARBLED_ANSWER:
            return Response(content[: len(content) // 2] + b'"\x00}{', 200, headers)
    return Response(content, outcome.status, headers)
