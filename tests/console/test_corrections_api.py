"""Corrections of issued invoices over HTTP: ordered once for each key, looked at, approved, given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from adapters.postgres.books import Books
from settings import Settings
from tests.console.caller import Caller, calling
from tests.fixtures.temporal import CaseClock
from tests.starters.desk import CaseDesk
from tests.workflows.correcting import CorrectingDesk, a_correcting_desk

INVOICE = "INV-2026-10-acme"
CREDIT = {"deed": "credit", "amount": "25.00", "reason": "The meter counted twice."}


@dataclass(frozen=True)
class Counter:
    """The API beside a house that corrects its invoices."""

    desk: CorrectingDesk
    caller: Caller

    async def orders(self, key: str | None = None, by: str = "finance-1", **wish: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid4().hex}
        path = f"/billing/invoices/{wish.pop('invoice', INVOICE)}/corrections"
        with self.desk.clock.held():
            return await self.caller.asks(by, "POST", path, json=wish or CREDIT, headers=headers)

    async def sees(self, case: str, wanted: str = "approval") -> dict[str, Any]:
        """Look at a correction until it has an open question, or whatever else is wanted."""
        async with asyncio.timeout(30):
            while True:
                answer = await self.caller.asks("agent-1", "GET", f"/billing/corrections/{case}")
                if answer.is_success and (answer.json()[wanted] or answer.json()["ending"]):
                    return dict(answer.json())
                await asyncio.sleep(0.05)


@pytest.fixture
async def counter(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[Counter]:
    async with a_correcting_desk(engine, case_clock, tmp_path) as desk:
        settings = Settings(task_queue=desk.queue, ticket_webhook_secret=SecretStr("a-secret"))
        async with calling(CaseDesk(case_clock.client, Books.over(engine), settings, desk.world.tokens)) as caller:
            yield Counter(desk, caller)


async def test_a_correction_is_ordered_approved_by_another_person_and_told(counter: Counter) -> None:
    counter.desk.owes()

    ordered = await counter.orders()
    asked = await counter.sees(ordered.json()["case_id"])
    approve = f"/approvals/{asked['approval']['approval_id']}/approve"
    own = await counter.caller.asks("finance-1", "POST", approve, json={})
    approved = await counter.caller.asks("agent-1", "POST", approve, json={})
    told = await counter.sees(ordered.json()["case_id"], "ending")

    assert (ordered.status_code, ordered.json()["invoice"]) == (202, INVOICE)
    assert asked["preview"]["after"]["remaining"] == {"minor": 28500, "currency": "USD"}
    assert (own.status_code, approved.status_code) == (409, 200)
    assert told["ending"] == "credited"
    listed = (await counter.caller.asks("agent-1", "GET", "/billing/corrections")).json()
    assert [row["case_id"] for row in listed] == [ordered.json()["case_id"]]


async def test_the_same_key_gets_the_same_answer_and_another_order_under_it_a_conflict(counter: Counter) -> None:
    counter.desk.owes()
    key = uuid4().hex

    first, second = await counter.orders(key), await counter.orders(key)
    other = await counter.orders(key, **(CREDIT | {"amount": "26.00"}))

    assert first.content == second.content
    assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")
    assert len((await counter.caller.asks("agent-1", "GET", "/billing/corrections?open=true")).json()) == 1


async def test_one_is_given_up_and_then_it_is_too_late(counter: Counter) -> None:
    counter.desk.owes()
    case = (await counter.orders(deed="void", reason="Wrong company.")).json()["case_id"]
    await counter.sees(case)
    path = f"/billing/corrections/{case}/withdraw"

    may_not = await counter.caller.asks("engineering-1", "POST", path, json={"reason": "Not needed."})
    withdrawn = await counter.caller.asks("lead-1", "POST", path, json={"reason": "Not needed."})
    told = await counter.sees(case, "ending")
    again = await counter.caller.asks("lead-1", "POST", path, json={"reason": "Not needed."})
    nothing = await counter.caller.asks(
        "lead-1", "POST", path.replace("withdraw", "try-again"), json={"reason": "Now."}
    )

    assert (may_not.status_code, withdrawn.status_code) == (403, 200)
    assert withdrawn.json() == {"case_id": case, "message": "withdrawn"}
    assert told["ending"] == "withdrawn"
    assert (again.status_code, nothing.status_code) == (409, 409)


# What an order may not say, and the field that is named; "body" where two of them do not go together.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"deed": "refund"}, "deed"),
    ({"amount": "-5"}, "amount"),
    ({"amount": "5,00"}, "amount"),
    ({"amount": 5}, "amount"),
    ({"amount": "0"}, "body"),
    ({"amount": None}, "body"),
    ({"lines": [{"line": 0, "quantity": "1"}], "amount": None}, "lines.0.line"),
    ({"lines": [{"line": 1, "quantity": "few"}], "amount": None}, "lines.0.quantity"),
    ({"lines": [{"line": 1}], "amount": None}, "body"),
    ({"lines": [{"line": 1, "quantity": "1"}]}, "body"),
    ({"deed": "void"}, "body"),
    ({"payback": "cash"}, "payback"),
    ({"category": "mistake"}, "category"),
    ({"reason": ""}, "reason"),
    ({"requested_by": "vp-1"}, "requested_by"),
]


async def test_an_order_that_cannot_be_read_is_refused_naming_the_field(counter: Counter) -> None:
    counter.desk.owes()

    answers = [await counter.orders(**(CREDIT | wish)) for wish, _ in WRONG]

    assert {answer.status_code for answer in answers} == {422}
    named = [{error["field"] for error in answer.json()["error"]["fields"]} for answer in answers]
    assert [field for (_, field), fields in zip(WRONG, named, strict=True) if field not in fields] == []
    assert (await counter.caller.asks("agent-1", "GET", "/billing/corrections")).json() == []


async def test_whoever_may_not_order_or_names_nothing_is_told_so(counter: Counter) -> None:
    counter.desk.owes()

    may_not = await counter.orders(by="engineering-1")
    unknown = await counter.orders(invoice="INV-2026-10-acne")
    too_fine = await counter.orders(**(CREDIT | {"amount": "5.001"}))
    keyless = await counter.caller.asks("finance-1", "POST", f"/billing/invoices/{INVOICE}/corrections", json=CREDIT)
    nowhere = await counter.caller.asks("finance-1", "GET", "/billing/corrections/INV-1/k-none")

    assert [one.status_code for one in (may_not, unknown, too_fine, keyless, nowhere)] == [403, 404, 422, 422, 404]
    assert "INV-2026-10-acme" in unknown.json()["error"]["message"]
    assert "there is no correction correction/INV-1/k-none" in nowhere.json()["error"]["message"]
