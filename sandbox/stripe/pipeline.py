"""The way of one request: who asks, what for, whether it was answered before, what it does, and what may go wrong."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import asdict, dataclass, field
from importlib import import_module
from types import ModuleType

from sandbox.stripe import nouns
from sandbox.stripe.cards import declined
from sandbox.stripe.clock import Clock
from sandbox.stripe.errors import InvalidParameter, KeyInUse, RateLimited, ServerError, StripeError, Unauthorized
from sandbox.stripe.expansions import expanded
from sandbox.stripe.faults import Fault, FaultKind, FaultScript, HeldCalls
from sandbox.stripe.forms import Params
from sandbox.stripe.idempotency import Call, IdempotencyKeys
from sandbox.stripe.journal import Entry, Journal
from sandbox.stripe.rate_limit import RateLimit
from sandbox.stripe.routing import ROUTES, Route, Router
from sandbox.stripe.state.account import Account, SlowBank, new_id
from sandbox.stripe.state.store import Obj, Store

log = logging.getLogger(__name__)

API_KEY = re.compile(r"sk_test_\w+")
REGISTERED = (nouns, len(ROUTES))  # importing the nouns is what registers their routes


@dataclass(frozen=True)
class Incoming:
    """A request as it came off the wire."""

    method: str
    path: str
    encoded: str
    """The form or query, still encoded."""
    api_key: str | None
    idempotency_key: str | None
    address: str
    """Where the simulator was reached, such as `http://127.0.0.1:12111`."""


@dataclass
class Outcome:
    """An answer, and the fault that befalls it on its way back."""

    status: int
    body: Obj
    request_id: str
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None


class Pipeline:
    """Answers requests to `/v1/...` one by one; the work of each is done in one go, without giving way to others."""

    def __init__(self, store: Store, clock: Clock, validate: bool, requests_a_second: float | None = None) -> None:
        self.store = store
        self.clock = clock
        self.rate_limit = RateLimit(requests_a_second)
        self.faults = FaultScript()
        self.held = HeldCalls()
        self.journal = Journal()
        self._keys = IdempotencyKeys(store, clock)
        self._router = Router()
        self._contract = _contract() if validate else None

    async def answer(self, incoming: Incoming) -> Outcome:
        """The outcome of a request; refusals are outcomes, too."""
        entry = Entry(new_id("req"), incoming.method, incoming.path, incoming.idempotency_key, self.clock.now())
        self.journal.entries.append(entry)
        try:
            outcome = await self._worked(incoming, entry)
        except StripeError as refusal:
            outcome = Outcome(refusal.status, refusal.body(), entry.request_id)
        entry.status = outcome.status
        entry.replayed = "Idempotent-Replayed" in outcome.headers
        return outcome

    async def _worked(self, incoming: Incoming, entry: Entry) -> Outcome:
        _authorize(incoming.api_key)
        if not self.rate_limit.take():
            raise _too_many()
        route, ids = self._router.find(incoming.method, incoming.path)
        params = self._decoded(route, incoming.encoded)
        fault = self.faults.strike(incoming.method, incoming.path)
        entry.fault = fault.kind if fault else None
        _refuse_at_the_door(fault, incoming)
        call = None
        if incoming.idempotency_key and incoming.method == "POST":
            call = Call(incoming.idempotency_key, incoming.method, incoming.path, params)
        kept = self._keys.outcome(call) if call else None
        if kept is not None:
            headers = {"Idempotent-Replayed": "true", "Original-Request": kept["request_id"]}
            outcome = Outcome(kept["status"], kept["body"], entry.request_id, headers, fault)
        else:
            outcome = await self._first_time(route, ids, params, incoming, entry, call, fault)
        if fault and fault.kind in (FaultKind.TIMEOUT, FaultKind.PAUSE) and (fault.committed or kept):
            await self._hang(fault, entry)
        return outcome

    async def _first_time(
        self,
        route: Route,
        ids: dict[str, str],
        params: Params,
        incoming: Incoming,
        entry: Entry,
        call: Call | None,
        fault: Fault | None,
    ) -> Outcome:
        account = Account(self.store, self.clock, entry.request_id, incoming.idempotency_key, incoming.address)
        if call:
            self._keys.begin(call)
        try:
            if fault and fault.kind in (FaultKind.TIMEOUT, FaultKind.PAUSE) and not fault.committed:
                await self._hang(fault, entry)
            status, body = self._executed(account, route, ids, params, call, fault)
        finally:
            if call:
                self._keys.end(call)
        if status == 200:
            self._check_answer(route, body)
        return Outcome(status, body, entry.request_id, fault=fault)

    def _executed(
        self,
        account: Account,
        route: Route,
        ids: dict[str, str],
        params: Params,
        call: Call | None,
        fault: Fault | None,
    ) -> tuple[int, Obj]:
        """Do the work and keep its outcome under the key, in one transaction."""
        try:
            with self.store.transaction():
                status, body = self._done(account, route, ids, params, fault)
                if fault and fault.kind is FaultKind.ERROR_AFTER_COMMIT:
                    failure = _failure("after")
                    status, body = failure.status, failure.body()
                if call:
                    self._keys.remember(call, status, body, str(account.request_id))
        except StripeError as refusal:
            status, body = refusal.status, refusal.body()
            if call and refusal.remembered:
                with self.store.transaction():
                    self._keys.remember(call, status, body, str(account.request_id))
        return status, body

    def _done(
        self, account: Account, route: Route, ids: dict[str, str], params: Params, fault: Fault | None
    ) -> tuple[int, Obj]:
        if fault and fault.kind is FaultKind.ERROR_BEFORE_COMMIT:
            raise _failure("before")
        if fault and fault.kind is FaultKind.DECLINE:
            account.forced_decline = fault.decline_code
        if fault and fault.kind is FaultKind.PROCESSING:
            account.slow_bank = SlowBank(round(fault.seconds), None if fault.committed else fault.decline_code)
        try:
            body = route.answer(account, params, **ids)
            if account.forced_decline:
                refusal = declined(account.forced_decline)
                refusal.commits = False  # nothing was charged, so nothing is kept of it
                raise refusal
            return 200, expanded(account, body, params.get("expand", []))
        except StripeError as refusal:
            if not refusal.commits:
                raise
            return refusal.status, refusal.body()
        except Exception as mistake:
            log.exception("the simulator failed at %s %s", route.method, route.path)
            problem = f"the simulator itself failed: {type(mistake).__name__}: {mistake}"
            self.journal.violations.append({"where": f"{route.method} {route.path}", "field": "", "problem": problem})
            raise ServerError(problem) from mistake

    async def _hang(self, fault: Fault, entry: Entry) -> None:
        about = {"method": entry.method, "path": entry.path, "idempotency_key": entry.idempotency_key}
        limit = fault.seconds if fault.kind is FaultKind.TIMEOUT else None
        try:
            async with asyncio.timeout(limit):
                await self.held.hold(entry.request_id, {**about, "fault": fault.kind, "committed": fault.committed})
        except TimeoutError:
            return

    def _decoded(self, route: Route, encoded: str) -> Params:
        try:
            params = route.decoded(encoded)
        except InvalidParameter as refusal:
            if self._contract:
                where = f"request {route.method} {route.path}"
                field_name = str(refusal.fields["param"] or "")
                self.journal.violations.append({"where": where, "field": field_name, "problem": refusal.message})
            raise
        return params

    def _check_answer(self, route: Route, body: Obj) -> None:
        if self._contract:
            found = self._contract.answer_violations(route.method, route.path, body)
            self.journal.violations.extend(asdict(violation) for violation in found)


def _contract() -> ModuleType:
    """The contract's checks, which need a package that only tests install."""
    return import_module("sandbox.stripe.contract.checks")


def _authorize(api_key: str | None) -> None:
    if api_key is None:
        raise Unauthorized("You did not provide an API key. Provide it as a Bearer token in the Authorization header.")
    if not API_KEY.fullmatch(api_key):
        raise Unauthorized("Invalid API Key provided. The simulator takes any key that begins with sk_test_.")


def _refuse_at_the_door(fault: Fault | None, incoming: Incoming) -> None:
    """Faults of what stands in front of the endpoints: nothing is done, and nothing kept under the key."""
    if fault is None:
        return
    if fault.kind is FaultKind.ERROR_BEFORE_COMMIT and not fault.stored:
        raise _failure("before")
    if fault.kind is FaultKind.CONFLICT:
        key = incoming.idempotency_key
        message = f"There is currently another in-progress request using this Idempotent Key: {key}"
        raise KeyInUse(message, code="idempotency_key_in_use")
    if fault.kind is FaultKind.RATE_LIMIT:
        raise _too_many()


def _too_many() -> RateLimited:
    message = "Request rate limit exceeded. Learn more about rate limits in Stripe's documentation."
    return RateLimited(message, code="rate_limit")


def _failure(when: str) -> ServerError:
    return ServerError(f"An unknown error occurred {when} the request was carried out (scripted).")
