"""A client for the simulator's control API, for tests, demonstrations and the sandbox."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from sandbox.stripe.faults import Fault, FaultKind

# Turning the clock waits for the webhook receivers that are due on the way.
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class LoggedRequest:
    """One request that the simulator got."""

    request_id: str
    method: str
    path: str
    idempotency_key: str | None
    at: int
    """Seconds since the epoch on the simulator's clock."""
    status: int | None
    """None while it is worked on."""
    replayed: bool
    fault: FaultKind | None


@dataclass(frozen=True)
class HeldCall:
    """One call whose answer is being held."""

    request_id: str
    method: str
    path: str
    idempotency_key: str | None
    fault: FaultKind
    committed: bool


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one webhook endpoint."""

    id: str
    event: str
    event_type: str
    endpoint: str
    state: str
    """`pending`, `delivered`, `given_up` or `canceled`."""
    due: int
    attempts: list[dict[str, Any]]
    """Of each attempt `at`, `status` and `problem`."""


class StripeControl:
    """Steers one simulator; blocking. `url` is the simulator's address."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False)

    def now(self) -> int:
        """The simulator's time in seconds since the epoch."""
        return int(self._call("GET", "clock")["now"])

    def advance(self, *, hours: float = 0, seconds: int = 0) -> int:
        """Let time pass, with every webhook retry that falls into it; returns the new time."""
        return int(self._call("POST", "clock", {"advance_seconds": seconds + round(hours * 3600)})["now"])

    def fault(
        self,
        kind: FaultKind | str,
        path: str,
        *,
        method: str = "POST",
        attempts: tuple[int, ...] = (),
        seconds: float = 30.0,
        decline_code: str = "generic_decline",
        committed: bool = True,
        stored: bool | None = None,
    ) -> Fault:
        """Script a fault for the calls of `method` to `path`, in which `*` stands for one step; see `Fault`."""
        given = Fault(FaultKind(kind), method, path, attempts, seconds, decline_code, committed, stored).as_json()
        added = self._call("POST", "faults", {name: value for name, value in given.items() if name != "id"})
        return Fault(**{**added, "kind": FaultKind(added["kind"]), "attempts": tuple(added["attempts"])})

    def faults(self) -> list[dict[str, Any]]:
        """The scripted faults, each with `seen`, the number of calls it counted."""
        return list(self._call("GET", "faults"))

    def clear_faults(self) -> None:
        """From now on nothing goes wrong on purpose."""
        self._call("DELETE", "faults")

    def limit_rate(self, a_second: float | None) -> None:
        """Answer 429 to more than so many requests a second, over all endpoints; None for no limit."""
        self._call("POST", "rate_limit", {"a_second": a_second})

    def rate_limit(self) -> dict[str, Any]:
        """The limit with `taken` and `refused`, the requests it let through and those it did not, since it was set."""
        return dict(self._call("GET", "rate_limit"))

    def requests(self, method: str | None = None, path: str | None = None) -> list[LoggedRequest]:
        """The requests it got, oldest first, perhaps of one method and path only."""
        logged = [
            LoggedRequest(**{**entry, "fault": FaultKind(entry["fault"]) if entry["fault"] else None})
            for entry in self._call("GET", "requests")
        ]
        return [entry for entry in logged if method in (None, entry.method) and path in (None, entry.path)]

    def held(self) -> list[HeldCall]:
        """The calls whose answers are being held."""
        return [HeldCall(**{**entry, "fault": FaultKind(entry["fault"])}) for entry in self._call("GET", "held")]

    def release(self, request_id: str | None = None) -> int:
        """Let one held call, or all of them, go on; returns how many there were."""
        return int(self._call("POST", "held/release", {"request_id": request_id})["released"])

    def deliveries(self) -> list[Delivery]:
        """Every webhook delivery, oldest first."""
        names = Delivery.__dataclass_fields__
        return [Delivery(**{name: entry[name] for name in names}) for entry in self._call("GET", "deliveries")]

    def deliver_again(self, event: str) -> None:
        """Send an event a second time to every endpoint that got it."""
        self._call("POST", "deliveries", {"event": event})

    def tell(self, url: str, events: list[str], secret: str) -> None:
        """Have an endpoint told of these types of events from now on, signed with this secret; as often as one likes."""
        self._call("POST", "listeners", {"url": url, "events": events, "secret": secret})

    def dispute(self, charge: str, reason: str = "fraudulent", *, inquiry: bool = False) -> dict[str, Any]:
        """Have the customer's bank dispute a charge; returns the dispute."""
        return dict(self._call("POST", "disputes", {"charge": charge, "reason": reason, "inquiry": inquiry}))

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """Every object by kind, oldest first."""
        return dict(self._call("GET", "state"))

    def reset(self) -> None:
        """An empty account, a clock that shows real time, no faults, no history."""
        self._call("POST", "reset", {})

    def violations(self) -> list[dict[str, str]]:
        """Where traffic contradicted the contract, when the simulator was started to check it."""
        return list(self._call("GET", "violations"))

    def take_violations(self) -> list[dict[str, str]]:
        """The violations so far, which are then forgotten: for tests that send something wrong on purpose."""
        found = self.violations()
        self._call("DELETE", "violations")
        return found

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def __enter__(self) -> StripeControl:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: str, what: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, f"/_sim/{what}", json=body)
        if answer.is_error:
            raise ValueError(f"the Stripe simulator refused {method} {what}: {answer.text}")
        return answer.json()


class AsyncStripeControl:
    """The same for asyncio: what a running event loop most often needs, without blocking it."""

    def __init__(self, url: str) -> None:
        self._control = StripeControl(url)

    async def advance(self, *, hours: float = 0, seconds: int = 0) -> int:
        """See `StripeControl.advance`."""
        return await asyncio.to_thread(self._control.advance, hours=hours, seconds=seconds)

    async def fault(self, kind: FaultKind | str, path: str, **more: Any) -> Fault:
        """See `StripeControl.fault`."""
        return await asyncio.to_thread(self._control.fault, kind, path, **more)

    async def clear_faults(self) -> None:
        """See `StripeControl.clear_faults`."""
        await asyncio.to_thread(self._control.clear_faults)

    async def held(self) -> list[HeldCall]:
        """See `StripeControl.held`."""
        return await asyncio.to_thread(self._control.held)

    async def release(self, request_id: str | None = None) -> int:
        """See `StripeControl.release`."""
        return await asyncio.to_thread(self._control.release, request_id)

    async def requests(self, method: str | None = None, path: str | None = None) -> list[LoggedRequest]:
        """See `StripeControl.requests`."""
        return await asyncio.to_thread(self._control.requests, method, path)

    async def state(self) -> dict[str, list[dict[str, Any]]]:
        """See `StripeControl.state`."""
        return await asyncio.to_thread(self._control.state)

    async def reset(self) -> None:
        """See `StripeControl.reset`."""
        await asyncio.to_thread(self._control.reset)

    async def close(self) -> None:
        """Let go of the connection."""
        await asyncio.to_thread(self._control.close)
