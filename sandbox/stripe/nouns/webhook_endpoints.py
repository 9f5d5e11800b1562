"""Webhook endpoints: who is told about which events."""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.stripe.errors import InvalidParameter
from sandbox.stripe.forms import Params
from sandbox.stripe.lists import page
from sandbox.stripe.routing import PAGING, route
from sandbox.stripe.state.account import API_VERSION, Account, merged_metadata, new_id
from sandbox.stripe.state.store import Obj

URL = "/v1/webhook_endpoints"
SECRET = "_webhook_secret"


@route("POST", URL, "url enabled_events description metadata api_version")
def create(account: Account, params: Params) -> Obj:
    """Register an endpoint; its signing secret is told in this answer only."""
    endpoint = account.store.put(
        {
            "id": new_id("we"),
            "object": "webhook_endpoint",
            "api_version": params.get("api_version", API_VERSION),
            "application": None,
            "created": account.now(),
            "description": params.get("description"),
            "enabled_events": params["enabled_events"],
            "livemode": False,
            "metadata": merged_metadata({}, params),
            "status": "enabled",
            "url": _checked(params["url"]),
        }
    )
    secret = f"whsec_{secrets.token_urlsafe(24)}"
    account.store.put({"id": endpoint["id"], "object": SECRET, "secret": secret})
    return {**endpoint, "secret": secret}


@route("GET", URL, PAGING)
def list_all(account: Account, params: Params) -> Obj:
    """Endpoints, newest first."""
    return page(account.store.all("webhook_endpoint"), params, URL, "webhook_endpoint")


@route("GET", URL + "/{webhook_endpoint}")
def retrieve(account: Account, params: Params, webhook_endpoint: str) -> Obj:
    """One endpoint."""
    return account.find("webhook_endpoint", webhook_endpoint)


@route("POST", URL + "/{webhook_endpoint}", "url enabled_events description metadata disabled")
def update(account: Account, params: Params, webhook_endpoint: str) -> Obj:
    """Change an endpoint; disabling it stops its retries."""
    before = account.find("webhook_endpoint", webhook_endpoint)
    written: dict[str, Any] = {name: params[name] for name in ("enabled_events", "description") if name in params}
    if "url" in params:
        written["url"] = _checked(params["url"])
    if "disabled" in params:
        written["status"] = "disabled" if params["disabled"] else "enabled"
    return account.save(before, **written, metadata=merged_metadata(before["metadata"], params))


@route("DELETE", URL + "/{webhook_endpoint}")
def delete(account: Account, params: Params, webhook_endpoint: str) -> Obj:
    """Unregister an endpoint."""
    account.find("webhook_endpoint", webhook_endpoint)
    account.store.delete("webhook_endpoint", webhook_endpoint)
    account.store.delete(SECRET, webhook_endpoint)
    return {"id": webhook_endpoint, "object": "webhook_endpoint", "deleted": True}


def hear(account: Account, url: str, events: list[str], secret: str) -> Obj:
    """Have an endpoint told from now on, signed with a secret of its owner's choice; told twice it is there once."""
    known = [item for item in account.store.all("webhook_endpoint") if item["url"] == url]
    if known:
        endpoint = account.save(known[0], enabled_events=events, status="enabled")
    else:
        endpoint = create(account, {"url": url, "enabled_events": events})
    account.store.put({"id": endpoint["id"], "object": SECRET, "secret": secret})
    return account.find("webhook_endpoint", endpoint["id"])


def _checked(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        message = f"Invalid URL: {url!r} must begin with http:// or https://."
        raise InvalidParameter(message, code="url_invalid", param="url")
    return url
