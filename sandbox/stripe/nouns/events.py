"""Events: reading back what happened, for thirty days."""

from __future__ import annotations

from sandbox.stripe.errors import InvalidParameter, no_such
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import page
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import Account
from sandbox.stripe.state.store import Obj

URL = "/v1/events"
KEPT_SECONDS = 30 * 24 * 3600
TYPES_MAX = 20


@route("GET", URL, f"{PAGING} created type types delivery_success")
def list_all(account: Account, params: Params) -> Obj:
    """Events, newest first; `delivery_success=false` lists those that some endpoint has not taken yet."""
    if "type" in params and "types" in params:
        raise InvalidParameter("You may pass either `type` or `types`, not both.", param="types")
    wanted = params.get("types", [params["type"]] if "type" in params else None)
    if wanted is not None and len(wanted) > TYPES_MAX:
        raise InvalidParameter(f"You may list at most {TYPES_MAX} types, and sent {len(wanted)}.", param="types")
    horizon = account.now() - KEPT_SECONDS
    found = [event for event in account.store.all("event") if event["created"] > horizon]
    if wanted is not None:
        found = [event for event in found if any(_fits(event["type"], pattern) for pattern in wanted)]
    if "delivery_success" in params:
        found = [event for event in found if (event["pending_webhooks"] == 0) == params["delivery_success"]]
    return page(found, params, URL, "event")


@route("GET", URL + "/{event}")
def retrieve(account: Account, params: Params, event: str) -> Obj:
    """One event, while it is kept."""
    found = account.find("event", event)
    if found["created"] <= account.now() - KEPT_SECONDS:
        raise no_such("event", event)
    return found


def _fits(event_type: str, pattern: str) -> bool:
    return event_type == pattern or (pattern.endswith("*") and event_type.startswith(pattern[:-1]))
