"""What a program or a person reads when a field cannot be accepted: its name, what was sent, and what to write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.console.caller import Caller, created
from tests.starters.desk import plain_ticket

HERE = Path(__file__).parents[2]
CARD = "4111111111111111"
JUDGEMENT = {"resolution": "partial", "amount": "12.30", "currency": "USD", "reason": "half of it"}
ASK = "/cases/dispute/T-none/ask"


@pytest.mark.parametrize(
    ("change", "field", "value", "message"),
    [
        ({"tenant_id": "no body"}, "tenant_id", "no body", "write the customer's id as it stands on the invoice"),
        ({"meters": ["API calls"]}, "meters.0", "API calls", "write the meter's name as it stands on the invoice"),
        ({"meters": ["lunches"]}, "meters", "lunches", "meters: lunches is not a meter we bill; use the meter's name"),
        (
            {"category": "mood"},
            "category",
            "mood",
            "choose 'usage_calculation', 'unauthorized_usage', 'service_quality'",
        ),
        ({"subject": "Bill\r\nBcc: x"}, "subject", "Bill\r\nBcc: x", "write one line without control characters"),
        (
            {"opened_at": "2026-11-21T09:00"},
            "opened_at",
            "2026-11-21T09:00",
            "add the time zone, such as 2026-11-21T09",
        ),
        (
            {"opened_at": "0001-01-01T00:00:00+14:00"},
            "opened_at",
            "0001-01-01T00:00:00+14:00",
            "write a moment between",
        ),
        ({"opened_at": "9999-12-31T23:59:59Z"}, "opened_at", "9999-12-31T23:59:59Z", "write a moment between 2000 and"),
        ({"requester": {"email": "me"}}, "requester.email", "me", "write one address, such as accounts@acme.example"),
        (
            {"evidence": [{"name": "a", "link": "ftp://a"}]},
            "evidence.0.link",
            "ftp://a",
            "write a link that starts with",
        ),
        (
            {"evidence": [{"name": "a", "sha256": "ab"}]},
            "evidence.0.sha256",
            "ab",
            "write the SHA-256 as 64 digits and",
        ),
        ({"description": "a\x00b"}, "description", "a\x00b", "leave out the character U+0000, which cannot be kept"),
        ({"surprise": 7}, "surprise", "7", "there is no such field: leave it out"),
        ({"requester": {}}, "requester.email", "", "it is missing"),
    ],
)
async def test_a_ticket_is_told_field_value_and_what_to_write_at_either_door(
    caller: Caller, change: dict[str, Any], field: str, value: str, message: str
) -> None:
    ticket = plain_ticket(**change)

    by_operator = await caller.asks("agent-1", "POST", "/disputes", json=ticket)
    by_webhook = await caller.send_ticket(created(ticket))

    told = [answer.json()["error"]["fields"] for answer in (by_operator, by_webhook)]
    assert [[flaw["field"] for flaw in flaws] for flaws in told] == [[field], [f"ticket.{field}"]]
    assert {flaw["value"] for flaws in told for flaw in flaws} == {value}
    assert all(flaw["message"].startswith(message) for flaws in told for flaw in flaws)


@pytest.mark.parametrize(
    ("method", "path", "options", "field", "words"),
    [
        ("GET", "/cases/T-1042", {}, "case_id", "name the case as lists show it, such as dispute/T-1042"),
        ("GET", "/cases", {"params": {"tenant_id": "No Body"}}, "tenant_id", "write the customer's id as it stands"),
        ("GET", "/cases", {"params": {"limit": 0}}, "limit", "write 1 or more"),
        ("GET", "/disputes/summary", {"params": {"since": "May"}}, "since", "write a moment with its time zone"),
        (
            "GET",
            "/disputes/summary",
            {"params": {"since": "0001-01-01T00:00:00+14:00"}},
            "since",
            "write a moment between",
        ),
        (
            "GET",
            "/disputes/summary",
            {"params": {"since": "9999-12-31T23:59:59-14:00"}},
            "since",
            "write a moment between",
        ),
        ("GET", "/billing/invoices/%00", {}, "document", "write one line without control characters"),
        ("GET", "/billing/invoices", {"params": {"period": "2026-13"}}, "period", "write the month as yyyy-mm"),
        ("GET", "/billing/invoices", {"params": {"currency": "XXX"}}, "currency", "write the code of a currency"),
        ("GET", "/billing/invoices", {"params": {"tenant_id": "No Body"}}, "tenant_id", "write the customer's id"),
        ("GET", "/billing/invoices", {"params": {"kind": "bill"}}, "kind", "'credit_note'"),
        ("GET", "/billing/invoices", {"params": {"limit": 1_001}}, "limit", "write 1000 or less"),
        ("GET", "/billing/invoices/INV-1/explain", {"params": {"rows": -1}}, "rows", "write 0 or more"),
        ("POST", ASK, {"json": {"text": "?"}}, "text", "write 3 characters or more"),
        (
            "POST",
            ASK,
            {"json": {"text": "Which?"}, "headers": {"Idempotency-Key": "a b"}},
            "Idempotency-Key",
            "visible",
        ),
        ("POST", "/cases/dispute/T-none/judge", {"json": JUDGEMENT | {"amount": "-1"}}, "amount", "write an amount of"),
        ("POST", "/approvals/%C3%BC/approve", {"json": {}}, "approval_id", "name the approval as GET /approvals lists"),
        ("POST", "/portal-links", {"json": {"tenant_id": "A B"}}, "tenant_id", "write the customer's id"),
        ("POST", "/portal-links", {"json": {"tenant_id": "acme", "days": 91}}, "days", "write 90 or less"),
        ("POST", "/portal-links", {"json": ["acme"]}, "body", "write an object with its fields"),
    ],
)
async def test_every_other_field_is_told_what_to_write_too(
    caller: Caller, method: str, path: str, options: dict[str, Any], field: str, words: str
) -> None:
    answer = await caller.asks("lead-1", method, path, **options)

    (flaw,) = answer.json()["error"]["fields"]
    assert (answer.status_code, flaw["field"]) == (422, field)
    assert words in flaw["message"]


async def test_no_answer_repeats_a_card_number_wherever_it_was_written(caller: Caller) -> None:
    answers = [
        await caller.asks("agent-1", "POST", "/disputes", json=plain_ticket(**{CARD: 1})),
        await caller.asks("agent-1", "POST", "/disputes", json=plain_ticket(tenant_id=CARD)),
        await caller.asks("agent-1", "GET", f"/cases/dispute/{CARD}"),
        await caller.asks("agent-1", "GET", f"/billing/invoices/{CARD}"),
        await caller.send_ticket({"event": CARD}),
        await caller.send_ticket({"event": "created", CARD: "?", "ticket": plain_ticket()}),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 404, 422, 422]
    assert [answer.text for answer in answers if CARD in answer.text] == []


async def test_a_thousand_wrong_fields_are_answered_with_the_first_fifty(caller: Caller) -> None:
    ticket = plain_ticket(**{f"wrong_{number}": number for number in range(1_000)})

    answer = await caller.send_ticket(created(ticket))

    assert len(answer.json()["error"]["fields"]) == 50


def test_no_field_is_held_to_a_bare_pattern() -> None:
    doors = [path for room in ("console", "starters") for path in (HERE / room).rglob("*.py")]
    messages = [HERE / "billing" / f"{name}.py" for name in ("disputes", "cases", "tenants", "money", "periods")]

    # A pattern that pydantic checks is shown to people as it is; the portal answers it with a page in words.
    bare = [
        str(path.relative_to(HERE))
        for path in doors + messages
        if re.search(r"\bpattern=", path.read_text()) and "portal" not in path.parts
    ]

    assert bare == []
