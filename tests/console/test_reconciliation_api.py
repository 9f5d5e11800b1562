"""Reconciliation over HTTP, beside a house that compares: the same key, the same answer; reports; duplicates."""

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
from tests.workflows.comparing import ComparingDesk, a_comparing_desk, copied

OCTOBER = {"period": "2026-10"}
WHY = {"reason": "Made twice on 3 November."}


@dataclass(frozen=True)
class Counter:
    """The API beside a house whose books are compared."""

    desk: ComparingDesk
    caller: Caller

    async def reconciles(self, key: str | None, by: str = "finance-1", **wish: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.caller.asks(by, "POST", "/billing/reconcile", json=OCTOBER | wish, headers=headers)

    async def sees(self, name: str, **wanted: Any) -> dict[str, Any]:
        """Look at a reconciliation until it has ended, or until a wanted field is there."""
        async with asyncio.timeout(30):
            while True:
                page: dict[str, Any] = (
                    await self.caller.asks("agent-1", "GET", f"/billing/reconciliations/{name}")
                ).json()
                if page["reconciliation"]["ended_at"] or (wanted.get("differences") and page["differences"]):
                    return page
                await asyncio.sleep(0.05)


@pytest.fixture
async def counter(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[Counter]:
    async with a_comparing_desk(engine, case_clock, tmp_path) as desk:
        settings = Settings(task_queue=desk.queue, ticket_webhook_secret=SecretStr("a-secret"))
        async with calling(CaseDesk(case_clock.client, Books.over(engine), settings, desk.world.tokens)) as caller:
            yield Counter(desk, caller)


async def test_a_month_is_compared_on_demand_and_its_report_read(counter: Counter) -> None:
    counter.desk.sides.both("acme")
    counter.desk.sides.document("bolt", 860_50)
    counter.desk.is_ready()

    begun = await counter.reconciles(uuid4().hex)
    page = await counter.sees(begun.json()["reconciliation_id"])

    assert begun.status_code == 202
    [difference] = page["differences"]
    assert (difference["difference"], difference["invoice_id"]) == ("missing_at_provider", "inv-2026-10-bolt")
    assert difference["repair"].startswith("Push it again")
    report = page["reconciliation"]["report"]
    assert (report["documents"], report["provider_invoices"]) == (2, 1)
    listed = (await counter.caller.asks("agent-1", "GET", "/billing/reconciliations?period=2026-10")).json()
    assert [row["report"] for row in listed] == [report]


async def test_the_same_key_gets_the_same_answer_and_compares_once(counter: Counter) -> None:
    key = uuid4().hex

    first, second = await counter.reconciles(key), await counter.reconciles(key, by="vp-1")
    await counter.sees(first.json()["reconciliation_id"])
    later = await counter.reconciles(key)

    assert [answer.status_code for answer in (first, second, later)] == [202] * 3
    assert first.content == second.content == later.content
    listed = (await counter.caller.asks("agent-1", "GET", "/billing/reconciliations")).json()
    assert len(listed) == 1


async def test_the_same_key_for_another_month_is_refused(counter: Counter) -> None:
    key = uuid4().hex
    begun = await counter.reconciles(key)

    refused = await counter.reconciles(key, period="2026-09")

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert "2026-10" in refused.json()["error"]["message"]
    await counter.sees(begun.json()["reconciliation_id"])


@pytest.mark.parametrize(
    ("key", "wish", "named"),
    [
        (None, {}, "Idempotency-Key"),
        ("two words", {}, "Idempotency-Key"),
        ("k" * 101, {}, "Idempotency-Key"),
        ("key-1", {"period": "2026-13"}, "period"),
        ("key-1", {"period": "October"}, "period"),
        ("key-1", {"period": None}, "period"),
        ("key-1", {"month": "2026-10"}, "month"),
    ],
)
async def test_what_cannot_be_read_is_refused_naming_the_field(
    counter: Counter, key: str | None, wish: dict[str, Any], named: str
) -> None:
    refused = await counter.reconciles(key, **wish)

    assert refused.status_code == 422
    assert named.lower() in {error["field"].lower() for error in refused.json()["error"]["fields"]}


async def test_a_month_that_is_not_over_is_refused(counter: Counter) -> None:
    refused = await counter.reconciles(uuid4().hex, period="2199-01")

    assert refused.status_code == 422
    assert "period 2199-01 has not begun" in refused.json()["error"]["message"]


async def test_an_unknown_reconciliation_is_not_found(counter: Counter) -> None:
    answer = await counter.caller.asks("agent-1", "GET", "/billing/reconciliations/2026-10/none")

    assert answer.status_code == 404
    assert "2026-10/none" in answer.json()["error"]["message"]


async def test_duplicates_are_voided_by_finance_once(counter: Counter) -> None:
    counter.desk.sides.both("acme", 30_00)
    counter.desk.sides.theirs.append(copied(counter.desk.sides.theirs[0], "in_copy", number=None))
    counter.desk.is_ready()
    with counter.desk.clock.held():
        name = (await counter.reconciles(uuid4().hex)).json()["reconciliation_id"]
    await counter.sees(name, differences=True)
    await counter.desk.clock.settled(counter.desk.clock.client.get_workflow_handle(f"reconciliation/{name}"))
    path = f"/billing/reconciliations/{name}/void-duplicates"

    voided = await counter.caller.asks("finance-1", "POST", path, json=WHY)
    page = await counter.sees(name)
    again = await counter.caller.asks("finance-1", "POST", path, json=WHY)

    assert (voided.status_code, voided.json()["message"]) == (200, "the duplicates are being voided")
    assert set(counter.desk.invoicing.voided) == {"in_copy"}
    assert page["reconciliation"]["report"]["counts"] == [{"difference": "duplicate", "beyond": 1, "within": 0}]
    # Over by now: Temporal answers that it is closed or, as soon as it has put it away, that it is not there.
    assert again.status_code in (404, 409)
