"""The simulated Stripe account as one request sees it: find, save, tell the world through events."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import Any

from sandbox.stripe.clock import Clock
from sandbox.stripe.errors import no_such
from sandbox.stripe.state.store import Obj, Store

API_VERSION = "2026-10-28.endive"
DELIVERY = "_delivery"
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class SlowBank:
    """A bank that answers `after_seconds`: yes, or with a decline code."""

    after_seconds: int
    decline: str | None


@dataclass
class Account:
    """One account during one request."""

    store: Store
    clock: Clock
    request_id: str | None = None
    idempotency_key: str | None = None
    address: str = "http://simulator.invalid"
    """Where the simulator's own pages are, for links that Stripe's objects carry."""
    forced_decline: str | None = None
    """Decline code that the bank answers to the next charge of this request, as scripted by a fault."""
    slow_bank: SlowBank | None = None
    """How the bank answers the next charge of this request later, as scripted by a fault."""

    def now(self) -> int:
        """Seconds since the epoch on the simulator's clock."""
        return self.clock.now()

    def find(self, kind: str, identifier: str, param: str | None = None) -> Obj:
        """The object; raises `InvalidParameter` (404, or 400 when `param` named it) when there is none."""
        found = self.store.get(kind, identifier)
        if found is None:
            raise no_such(kind, identifier, param)
        return found

    def customer(self, identifier: str, param: str | None = None) -> Obj:
        """A customer who was not deleted; raises `InvalidParameter` otherwise."""
        found = self.find("customer", identifier, param)
        if "deleted" in found:
            raise no_such("customer", identifier, param)
        return found

    def save(self, item: Obj, **changes: Any) -> Obj:
        """Keep the object with these changes, and return it as it is now."""
        return self.store.put({**item, **changes})

    def page_of(self, identifier: str) -> str:
        """The page that shows an object, in place of Stripe's hosted invoices and documents."""
        return f"{self.address}/objects/{identifier}"

    def emit(self, event_type: str, item: Obj, previous: dict[str, Any] | None = None) -> None:
        """Record an event about an object as it is now, and queue it for every endpoint that asked for its type."""
        listeners = [
            endpoint
            for endpoint in self.store.all("webhook_endpoint")
            if endpoint["status"] == "enabled" and {"*", event_type} & set(endpoint["enabled_events"])
        ]
        event = self.store.put(
            {
                "id": new_id("evt"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": {"object": item} if previous is None else {"object": item, "previous_attributes": previous},
                "livemode": False,
                "pending_webhooks": len(listeners),
                "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
                "type": event_type,
            }
        )
        for endpoint in listeners:
            self.queue_delivery(event, endpoint)

    def queue_delivery(self, event: Obj, endpoint: Obj) -> Obj:
        """Have an event sent to an endpoint now."""
        return self.store.put(
            {
                "id": new_id("whd"),
                "object": DELIVERY,
                "event": event["id"],
                "event_type": event["type"],
                "endpoint": endpoint["id"],
                "state": "pending",
                "due": self.now(),
                "attempts": [],
            }
        )


def new_id(prefix: str) -> str:
    """A fresh id in Stripe's form, such as `cus_Nf3kLq0ZtB6sWa`."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(24 if prefix != "cus" else 14))


def changed(before: Obj, after: Obj) -> dict[str, Any]:
    """Former values of the top-level fields that differ, as `previous_attributes` of an event shows them."""
    return {name: before.get(name) for name in after if after[name] != before.get(name)}


def merged_metadata(current: dict[str, str] | None, params: dict[str, Any]) -> dict[str, str]:
    """Metadata after an update: given keys replace, empty values remove, an empty `metadata` removes all."""
    if "metadata" not in params:
        return current or {}
    if params["metadata"] is None:
        return {}
    merged = {**(current or {}), **params["metadata"]}
    return {key: value for key, value in merged.items() if value is not None}
