"""Bodies and headers that nobody sends in good faith: every door that takes something answers them and stays open."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from urllib.parse import quote

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

import console
from adapters.stripe.webhook import SIGNATURE_HEADER as STRIPE_SIGNATURE_HEADER
from console.__main__ import LARGEST_HEAD_BYTES, server_for
from console.bodies import LARGEST_BODY_BYTES
from console.portal import links
from console.signatures import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    ZENDESK_SIGNATURE_HEADER,
    ZENDESK_TIMESTAMP_HEADER,
    sign,
)
from sandbox.ports import free_port
from tests.console.caller import Caller
from tests.starters.desk import SECRET, STRIPE_SECRET

FILLED_IN = {
    "case_id:path": "dispute/T-none",
    "approval_id:path": "dispute/T-none/credit/r1.1/a1",
    "document:path": "INV-none",
    "case:path": "INV-none/k-none",
    "name:path": "2026-10/none",
    "period": "2026-10",
    "tenant_id": "nobody",
    "hold_id": "hold-1",
    "plan_id": "retention-none",
}
JSON = {"Content-Type": "application/json"}
# What no JSON reader of ours takes, and how it is answered.
UNREADABLE: Mapping[str, bytes] = {
    "nothing of JSON": b"\x00\x01\x02",
    "cut off": b'{"reason": "because',
    "not UTF-8": b'{"reason": "because \xff\xfe", "text": "\xc3\x28"}',
    "not UTF-8 in a name": b'{"\xff": 1}',
    "too deep and never closed": b"[" * 100_000,
    "too deep": b"[" * 100_000 + b"]" * 100_000,
    "too deep an object": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "a number of 5,000 digits": b'{"reason": ' + b"9" * 5_000,
}
# What can be read as JSON by some readers and is never what a door asks for.
UNWANTED: Mapping[str, bytes] = {
    "nested 150 times": b"[" * 150 + b"]" * 150,
    "nested 900 times in a field": b'{"reason": ' + b"[" * 900 + b"]" * 900 + b"}",
    "half a character": rb'{"reason": "\ud800", "text": "\udfff", "tenant_id": "\ud800", "ticket_id": "\ud800"}',
    "half a character in a name": rb'{"\ud800": 1}',
    "an endless number": b'{"reason": 1e999999, "text": 1e999999, "days": 1e999999, "claimed_amount": 1e999999}',
    "the same name twice": b'{"reason": "because", "reason": 1, "text": 1, "tenant_id": 1, "event": 1}',
    "a list": b"[]",
    "nothing": b"",
}


def parts() -> Iterator[APIRouter]:
    """The routers of every module of the console: a new one is tried without being named here."""
    modules = [import_module(f"console.{found.name}") for found in iter_modules(console.__path__)]
    yield links.router
    yield from (module.router for module in modules if hasattr(module, "router"))


def doors() -> Iterator[str]:
    """Every path that takes a POST, filled in."""
    for part in parts():
        for route in part.routes:
            if isinstance(route, APIRoute) and "POST" in route.methods:
                path = route.path
                for name, value in FILLED_IN.items():
                    path = path.replace(f"{{{name}}}", value)
                yield path


# The first reads no body at all; collectors of usage have tokens of their own (`test_usage_api.py`).
ELSEWHERE = {"/retention/plans", "/usage/events"}
DOORS = sorted(set(doors()) - ELSEWHERE)


def allowed_in(caller: Caller, door: str, body: bytes) -> dict[str, str]:
    """Whatever makes the door look at the body: a signature, or an operator who may do everything it does."""
    if door == "/webhooks/tickets":
        return sign(body, SECRET, datetime.now(UTC))
    if door == "/webhooks/zendesk":
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        digest = hmac.digest(b"zendesk-secret", stamp.encode() + body, hashlib.sha256)
        return {ZENDESK_TIMESTAMP_HEADER: stamp, ZENDESK_SIGNATURE_HEADER: base64.b64encode(digest).decode()}
    if door == "/webhooks/stripe":
        seconds = str(int(datetime.now(UTC).timestamp()))
        digest = hmac.new(STRIPE_SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
        return {STRIPE_SIGNATURE_HEADER: f"t={seconds},v1={digest}"}
    # Nobody may do everything: duplicates are for those who answer for the books.
    who = "vp-1" if door.endswith("-duplicates") else "lead-1"
    return {"Authorization": f"Bearer {caller.desk.tokens[who]}"}


async def sends(caller: Caller, door: str, body: bytes) -> httpx.Response:
    return await caller.http.post(door, content=body, headers=JSON | allowed_in(caller, door, body))


def test_there_are_doors_to_try() -> None:
    assert len(DOORS) >= 36
    assert not [door for door in DOORS if "{" in door]


@pytest.mark.parametrize("door", DOORS)
async def test_no_door_reads_more_than_it_is_willing_to_hold(caller: Caller, door: str) -> None:
    megabyte = json.dumps({"reason": "x" * 1_000_000}).encode()

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(megabyte), 65_536):
            yield megabyte[start : start + 65_536]

    headers = JSON | allowed_in(caller, door, megabyte)
    announced = await caller.http.post(door, content=megabyte, headers=headers)
    unannounced = await caller.http.post(door, content=in_pieces(), headers=headers)
    just_fits = await sends(caller, door, b'"' + b"x" * (LARGEST_BODY_BYTES - 2) + b'"')
    lied_about = [
        await caller.http.post(door, content=megabyte, headers=headers | {"Content-Length": length})
        for length in ("10", "-1", "9" * 5_000)
    ]

    too_large = [announced, unannounced, *lied_about]
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in too_large] == [(413, "too_large")] * 5
    assert just_fits.status_code == 422


@pytest.mark.parametrize("door", DOORS)
async def test_what_is_no_json_is_said_so_at_every_door(caller: Caller, door: str) -> None:
    answers = {kind: await sends(caller, door, body) for kind, body in UNREADABLE.items()}

    told = {kind: (answer.status_code, answer.json()["error"]["code"]) for kind, answer in answers.items()}
    assert told == dict.fromkeys(UNREADABLE, (400, "malformed_json"))
    assert [answer.text for answer in answers.values() if "body is not JSON" not in answer.text] == []


@pytest.mark.parametrize("door", DOORS)
async def test_json_that_nobody_asked_for_is_refused_at_every_door(caller: Caller, door: str) -> None:
    answers = {kind: await sends(caller, door, body) for kind, body in UNWANTED.items()}

    refused = {kind: (answer.status_code, answer.json()["error"]["code"]) for kind, answer in answers.items()}
    assert set(refused.values()) <= {(400, "malformed_json"), (422, "invalid")}


@pytest.mark.parametrize("door", DOORS)
async def test_headers_that_mean_nothing_let_nobody_in(caller: Caller, door: str) -> None:
    long = "9" * 10_000
    nonsense = [
        {TIMESTAMP_HEADER: long, SIGNATURE_HEADER: f"v1={long}"},
        {TIMESTAMP_HEADER: "0", SIGNATURE_HEADER: ",".join(["v1=00"] * 2_000)},
        {ZENDESK_TIMESTAMP_HEADER: "0001-01-01T00:00:00+23:59", ZENDESK_SIGNATURE_HEADER: long},
        {ZENDESK_TIMESTAMP_HEADER: "9999-12-31T23:59:59-23:59", ZENDESK_SIGNATURE_HEADER: "==="},
        {"Authorization": f"Bearer {long}"},
        {"Authorization": f"Bearer {long}:{long}"},
    ]

    answers = [await caller.http.post(door, content=b"{}", headers=JSON | headers) for headers in nonsense]
    answers += [
        await caller.http.post(
            door, content=b"{}", headers=[(name.encode(), value) for value in (b"\xff\xfe", b"\xc3(:a")]
        )
        for name in ("Authorization", TIMESTAMP_HEADER, SIGNATURE_HEADER, ZENDESK_TIMESTAMP_HEADER)
    ]

    assert {answer.status_code for answer in answers} == {401}


QUESTIONS = ["/billing/invoices", "/billing/invoices/INV-2026-10-acme", "/billing/invoices/INV-2026-10-acme/explain"]
ODD = ["\x00", "' or 1=1 --", "%", "_", "\u202e", "9" * 5_000, "-1", "1e9", "../../etc/passwd", "{{7*7}}", "\ud7ff", ""]


@pytest.mark.parametrize("path", QUESTIONS)
@pytest.mark.parametrize("name", ["tenant_id", "period", "status", "currency", "kind", "after", "limit", "rows", "odd"])
async def test_no_question_however_odd_gets_more_than_it_may(caller: Caller, path: str, name: str) -> None:
    answers = [await caller.asks("finance-1", "GET", path, params={name: odd}) for odd in ODD]
    twice = await caller.asks("finance-1", "GET", path, params=[(name, "2026-10"), (name, "x")])

    assert {answer.status_code for answer in (*answers, twice)} <= {200, 422}
    # What is asked for by name narrows, and never widens.
    assert name not in {"tenant_id", "period", "currency"} or not any(
        answer.json()["documents"] for answer in answers if path == QUESTIONS[0] and answer.status_code == 200
    )


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd])
async def test_a_document_with_an_odd_name_is_none(caller: Caller, odd: str) -> None:
    shown, explained, printed = [
        await caller.asks("finance-1", "GET", f"/billing/invoices/{quote(odd, safe='')}{part}")
        for part in ("", "/explain", "/pdf")
    ]

    assert {shown.status_code, explained.status_code, printed.status_code} <= {404, 422}


@asynccontextmanager
async def served(caller: Caller) -> AsyncIterator[int]:
    """The application behind the HTTP server that production uses; its port."""
    port = free_port()
    server = server_for(caller.app, "127.0.0.1", port)
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        await serving


async def spoken(port: int, request: bytes) -> bytes:
    """What the server says to these bytes before it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"x" * 1_000_000,
        b"\r\n".join(b"X-%d: %s" % (number, b"x" * 1_000) for number in range(1_000)),
        b"Cookie" + b"x" * 200_000 + b": 1",
    ],
    ids=["one long header", "a thousand headers", "a long name"],
)
async def test_a_head_of_a_megabyte_is_refused_and_the_next_request_is_served(caller: Caller, head: bytes) -> None:
    async with served(caller) as port:
        refused = await spoken(port, b"POST /disputes HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n")
        async with httpx.AsyncClient() as http:
            healthy = await http.get(f"http://127.0.0.1:{port}/healthz")

    assert refused == b"" or refused.startswith(b"HTTP/1.1 400")
    assert healthy.status_code == 200


async def test_a_head_as_large_as_any_real_one_is_read(caller: Caller) -> None:
    async with served(caller) as port, httpx.AsyncClient() as http:
        answer = await http.get(
            f"http://127.0.0.1:{port}/healthz", headers={"X-Long": "x" * (LARGEST_HEAD_BYTES - 1_000)}
        )

    assert answer.status_code == 200
