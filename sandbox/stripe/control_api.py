"""The control API under `/_sim/`: turn the clock, script faults, look inside, start over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.stripe.errors import StripeError
from sandbox.stripe.faults import Fault, FaultKind
from sandbox.stripe.nouns import disputes, webhook_endpoints
from sandbox.stripe.pipeline import Pipeline
from sandbox.stripe.state.account import DELIVERY, Account
from sandbox.stripe.timekeeping import Timekeeper

Handler = Callable[[Request], Awaitable[Response]]


class ControlApi:
    """The control endpoints of one simulator."""

    def __init__(self, pipeline: Pipeline, timekeeper: Timekeeper) -> None:
        self._pipeline = pipeline
        self._timekeeper = timekeeper

    def routes(self) -> list[Route]:
        """Everything under `/_sim/`."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/_sim/clock", self.clock),
            ("POST", "/_sim/clock", self.turn),
            ("GET", "/_sim/faults", self.faults),
            ("POST", "/_sim/faults", self.script),
            ("DELETE", "/_sim/faults", self.unscript),
            ("GET", "/_sim/rate_limit", self.rate_limit),
            ("POST", "/_sim/rate_limit", self.limit),
            ("GET", "/_sim/requests", self.requests),
            ("GET", "/_sim/held", self.held),
            ("POST", "/_sim/held/release", self.release),
            ("GET", "/_sim/deliveries", self.deliveries),
            ("POST", "/_sim/deliveries", self.deliver_again),
            ("POST", "/_sim/listeners", self.listen),
            ("POST", "/_sim/disputes", self.dispute),
            ("GET", "/_sim/violations", self.violations),
            ("DELETE", "/_sim/violations", self.forgive),
            ("GET", "/_sim/state", self.state),
            ("POST", "/_sim/reset", self.reset),
        ]
        return [Route(path, _answering(handler), methods=[method]) for method, path, handler in table]

    async def clock(self, request: Request) -> Response:
        """`now` in seconds since the epoch, and `lead`: by how many of them it is ahead of real time."""
        clock = self._pipeline.clock
        return JSONResponse({"now": clock.now(), "lead": clock.lead})

    async def turn(self, request: Request) -> Response:
        """Let `advance_seconds` pass with everything that falls due; answers when it is done, with the clock."""
        seconds = (await request.json())["advance_seconds"]
        if not isinstance(seconds, int) or seconds < 0:
            raise ValueError(f"advance_seconds must be a whole number from 0, not {seconds!r}")
        await self._timekeeper.turn(seconds)
        return await self.clock(request)

    async def faults(self, request: Request) -> Response:
        """The scripted faults, each with `seen`, the number of calls it counted."""
        return JSONResponse(self._pipeline.faults.listed())

    async def script(self, request: Request) -> Response:
        """Add a fault, given by the fields of `Fault`; answers with it and its id."""
        given: dict[str, Any] = await request.json()
        known = {field.name for field in fields(Fault)} - {"id"}
        if unknown := set(given) - known:
            raise ValueError(f"a fault has no {sorted(unknown)}; it has {sorted(known)}")
        given = {**given, "kind": FaultKind(given["kind"]), "attempts": tuple(given.get("attempts", ()))}
        return JSONResponse(self._pipeline.faults.add(Fault(**given)).as_json())

    async def unscript(self, request: Request) -> Response:
        """Remove every fault; calls that are held already stay held."""
        self._pipeline.faults.clear()
        return JSONResponse([])

    async def rate_limit(self, request: Request) -> Response:
        """`a_second`, None for no limit, and how many requests it let through and refused since it was set."""
        return JSONResponse(self._pipeline.rate_limit.as_json())

    async def limit(self, request: Request) -> Response:
        """Answer 429 to more than `a_second` requests, None to none; answers with the limit."""
        self._pipeline.rate_limit.set((await request.json())["a_second"])
        return await self.rate_limit(request)

    async def requests(self, request: Request) -> Response:
        """The latest requests under `/v1/`, oldest first."""
        return JSONResponse(self._pipeline.journal.requests())

    async def held(self, request: Request) -> Response:
        """The calls whose answers a `pause` holds back."""
        return JSONResponse(self._pipeline.held.listed())

    async def release(self, request: Request) -> Response:
        """Let the held call `request_id` go on, or all of them without one; answers with their number."""
        given = await request.json()
        return JSONResponse({"released": self._pipeline.held.release(given.get("request_id"))})

    async def deliveries(self, request: Request) -> Response:
        """Every webhook delivery with its attempts, oldest first."""
        return JSONResponse(self._pipeline.store.all(DELIVERY))

    async def deliver_again(self, request: Request) -> Response:
        """Send an event once more to every endpoint that got it: at least once means sometimes twice."""
        account = self._account()
        event = account.find("event", (await request.json())["event"])
        with account.store.transaction():
            sent = {item["endpoint"] for item in account.store.related(DELIVERY, "event", event["id"])}
            endpoints = [item for item in account.store.all("webhook_endpoint") if item["id"] in sent]
            again = [account.queue_delivery(event, endpoint) for endpoint in endpoints]
        self._timekeeper.wake()
        return JSONResponse(again)

    async def listen(self, request: Request) -> Response:
        """Have the endpoint `url` told of `events`, signed with `secret`, which the API would choose itself."""
        given = await request.json()
        account = self._account()
        with account.store.transaction():
            endpoint = webhook_endpoints.hear(account, given["url"], given["events"], given["secret"])
        return JSONResponse(endpoint)

    async def dispute(self, request: Request) -> Response:
        """Have the customer's bank dispute a charge, as no request of the API can."""
        given = await request.json()
        account = self._account()
        charge = account.find("charge", given["charge"])
        with account.store.transaction():
            disputes.opened(account, charge, given.get("reason", "fraudulent"), given.get("inquiry", False))
        self._timekeeper.wake()
        return JSONResponse(account.store.related("dispute", "charge", charge["id"])[-1])

    async def violations(self, request: Request) -> Response:
        """Requests and answers that contradict the installed SDK's types; filled only while the simulator validates."""
        return JSONResponse(self._pipeline.journal.violations)

    async def forgive(self, request: Request) -> Response:
        """Forget the violations found so far."""
        self._pipeline.journal.violations.clear()
        return JSONResponse([])

    async def state(self, request: Request) -> Response:
        """Every object by its noun, as `GET` would show it; what the simulator keeps for itself is left out."""
        store = self._pipeline.store
        return JSONResponse({kind: store.all(kind) for kind in store.kinds() if not kind.startswith("_")})

    async def reset(self, request: Request) -> Response:
        """An empty account, a clock that shows real time, no faults, no rate limit, no history."""
        self._pipeline.held.release()
        self._pipeline.faults.clear()
        self._pipeline.rate_limit.set(None)
        self._pipeline.store.clear()
        self._pipeline.journal.clear()
        return JSONResponse({"reset": True})

    def _account(self) -> Account:
        return Account(self._pipeline.store, self._pipeline.clock)


def _answering(handler: Handler) -> Handler:
    """The handler with its mistakes answered as sentences."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except KeyError as absent:
            return JSONResponse({"error": f"the body must have {absent}"}, status_code=400)
        except ValueError as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)
        except StripeError as refusal:
            return JSONResponse({"error": refusal.message}, status_code=refusal.status)

    return answer
