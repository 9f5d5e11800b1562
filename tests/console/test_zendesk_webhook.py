"""Tickets that come from Zendesk."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from console.signatures import ZENDESK_SIGNATURE_HEADER, ZENDESK_TIMESTAMP_HEADER
from tests.console.caller import Caller, calling
from tests.starters.desk import CaseDesk

SECRET = "zendesk-secret"
REQUESTER = {"name": "Accounts", "email": "accounts@acme.example"}


def zendesk_ticket(number: int, **fields: Any) -> dict[str, Any]:
    known = {
        "tenant_id": "acme",
        "period": "2026-10",
        "meters": "api_calls",
        "category": "usage_calculation",
        "claimed_amount": "262.00",
        "billed_amount": "310.00",
        "currency": "USD",
    }
    ticket = {
        "id": number,
        "subject": "October",
        "description": "card 4111 1111 1111 1111",
        "created_at": "2026-11-21T08:00:00Z",
        "tags": "",
        "requester": REQUESTER,
        "fields": known | fields,
    }
    return {"event": "created", "ticket": ticket}


def zendesk_comment(number: int, **comment: Any) -> dict[str, Any]:
    said = {"id": 7, "body": "The key is ours.", "created_at": "2026-11-21T08:30:00Z", "public": True}
    return {"event": "commented", "ticket": {"id": number, "requester": REQUESTER}, "comment": said | comment}


async def send(caller: Caller, event: object, *, secret: str = SECRET, late: int = 0) -> httpx.Response:
    body = json.dumps(event).encode()
    stamp = (datetime.now(UTC) - timedelta(seconds=late)).isoformat(timespec="seconds")
    digest = hmac.digest(secret.encode(), stamp.encode() + body, hashlib.sha256)
    headers = {ZENDESK_TIMESTAMP_HEADER: stamp, ZENDESK_SIGNATURE_HEADER: base64.b64encode(digest).decode()}
    return await caller.http.post("/webhooks/zendesk", content=body, headers=headers)


async def test_a_zendesk_ticket_becomes_a_case_that_hears_its_comments(caller: Caller) -> None:
    number = uuid4().int % 10**9 + 1

    opened = await send(caller, zendesk_ticket(number))
    again = await send(caller, zendesk_ticket(number))
    commented = [await send(caller, zendesk_comment(number)) for _ in range(2)]

    assert (opened.status_code, opened.json()) == (202, {"case_id": f"dispute/ZD-{number}", "created": True})
    assert again.json()["created"] is False
    assert {answer.status_code for answer in commented} == {202}
    assert await caller.desk.timeline(f"ZD-{number}") == [
        "opened: card [card number removed]",
        "reply: The key is ours.",
    ]


@pytest.mark.parametrize("comment", [{"by_agent": True}, {"public": False}])
async def test_what_agents_write_is_no_answer_of_the_customer(caller: Caller, comment: dict[str, Any]) -> None:
    answer = await send(caller, zendesk_comment(1, **comment))

    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"period": "October"}, "period"),
        ({"period": "2026-09"}, "period"),
        ({"claimed_amount": "310.01"}, "claimed_amount"),
    ],
)
async def test_a_field_that_cannot_be_accepted_is_named(caller: Caller, fields: dict[str, Any], name: str) -> None:
    answer = await send(caller, zendesk_ticket(uuid4().int % 10**9 + 1, **fields))

    assert answer.status_code == 422
    assert [flaw["field"] for flaw in answer.json()["error"]["fields"]] == [name]


@pytest.mark.parametrize("signing", [{"secret": "guessed"}, {"late": 301}, {"late": -302}])
async def test_what_zendesk_did_not_sign_now_is_not_believed(caller: Caller, signing: dict[str, Any]) -> None:
    answer = await send(caller, zendesk_ticket(1), **signing)

    assert answer.status_code == 401


async def test_without_a_secret_nothing_is_taken_from_zendesk(desk: CaseDesk) -> None:
    settings = desk.settings.model_copy(update={"zendesk_webhook_secret": None})

    async with calling(replace(desk, settings=settings)) as caller:
        answer = await send(caller, zendesk_ticket(1))

    assert answer.status_code == 404
