"""Collectors send usage over HTTP: with a token for nothing else, each event once, and a place for what is no usage."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from console.usage import EVENTS_MAX
from tests.console.caller import Caller

TOKEN = "collector-token-of-24-characters"


@pytest.fixture
def collecting(caller: Caller) -> Caller:
    """An application whose settings hold two usage tokens, as while they rotate."""
    desk = caller.app.state.desk
    tokens = SecretStr(f"{TOKEN},older-{TOKEN}")
    caller.app.state.desk = type(desk)(
        **{**vars(desk), "settings": desk.settings.model_copy(update={"usage_token": tokens})}
    )
    return caller


def event(**changes: Any) -> dict[str, Any]:
    plain = {
        "event_id": str(uuid4()),
        "tenant_id": "acme",
        "event_time": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
        "meter": "api_calls",
        "quantity": "1.5",
        "route": "/v1/calls",
        "trace_id": str(uuid4()),
        "api_key_id": "key-1",
    }
    return plain | changes


async def send(caller: Caller, *events: Any, token: str | None = TOKEN, body: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    content = json.dumps({"events": list(events)}) if body is None else body
    return await caller.http.post("/usage/events", content=content, headers=headers)


def quantity(caller: Caller, event_id: str) -> str:
    with caller.desk.books.engine.connect() as connection:
        asked = text("select quantity::text from usage_events where event_id = :id")
        return str(connection.execute(asked, {"id": event_id}).scalar_one())


async def test_events_are_stored_once_however_often_they_are_sent(collecting: Caller) -> None:
    sent = [event(), event()]

    first, again = await send(collecting, *sent), await send(collecting, *sent)

    assert first.status_code == again.status_code == 200
    assert (first.json()["stored"], first.json()["known"], first.json()["refused"]) == (2, 0, [])
    assert (again.json()["stored"], again.json()["known"]) == (0, 2)


async def test_what_is_no_usage_waits_and_keeps_nobody_out(collecting: Caller) -> None:
    answer = await send(collecting, event(), event(tenant_id="nobody"), "text", event(quantity=-1))

    body = answer.json()
    assert (answer.status_code, body["stored"]) == (200, 1)
    assert [(row["line"], row["field"]) for row in body["refused"]] == [(2, "tenant_id"), (3, "row"), (4, "quantity")]
    assert "names an unknown tenant: 'nobody'" in body["refused"][0]["reason"]


async def test_a_quantity_is_kept_to_the_last_digit(collecting: Caller) -> None:
    exact = event()
    body = json.dumps({"events": [exact]}).replace('"1.5"', "123456789012345678.123456")

    answer = await send(collecting, body=body)

    assert answer.json()["stored"] == 1
    assert quantity(collecting, exact["event_id"]) == "123456789012345678.123456"


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], f"{TOKEN}x"])
async def test_nobody_sends_usage_without_a_usage_token(collecting: Caller, token: str | None) -> None:
    answer = await send(collecting, event(), token=token)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_signed_in"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_an_operator_token_is_no_usage_token(collecting: Caller) -> None:
    answer = await send(collecting, event(), token=collecting.desk.tokens["engineering-1"])

    assert answer.status_code == 401


async def test_an_older_token_counts_while_tokens_rotate(collecting: Caller) -> None:
    answer = await send(collecting, event(), token=f"older-{TOKEN}")

    assert answer.json()["stored"] == 1


async def test_without_a_token_in_the_settings_nobody_may(caller: Caller) -> None:
    assert (await send(caller, event(), token="")).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("nothing", 400, "malformed_json"),
        ("[" * 100_000, 400, "malformed_json"),
        ("[]", 422, "invalid"),
        ('{"events": []}', 422, "invalid"),
        ('{"events": {}}', 422, "invalid"),
        ('{"events": [{}], "more": 1}', 422, "invalid"),
        (json.dumps({"events": [{}] * (EVENTS_MAX + 1)}), 422, "invalid"),
        (json.dumps({"events": [event(route="x" * 300_000)]}), 413, "too_large"),
    ],
)
async def test_a_body_that_is_no_batch_is_refused(collecting: Caller, body: str, status: int, code: str) -> None:
    answer = await send(collecting, body=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_what_becomes_of_events_is_counted(collecting: Caller) -> None:
    before = await collecting.count('runbooks_usage_events_total{outcome="stored"}')

    await send(collecting, event(), event(quantity="x"))

    assert await collecting.count('runbooks_usage_events_total{outcome="stored"}') == before + 1
