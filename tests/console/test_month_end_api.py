"""Month ends and holds over HTTP, beside a house that bills: the real runbook, books and decisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from adapters.postgres.books import Books
from settings import Settings
from tests.console.caller import Caller, calling
from tests.fixtures.temporal import CaseClock
from tests.starters.desk import CaseDesk
from tests.workflows.month_end_office import MONTHS_OF_THEIR_OWN, MonthEndOffice, a_billing_office

WHY = {"reason": "as agreed on Monday"}


@dataclass(frozen=True)
class Billing:
    """The API of a house, in a month that only this test bills."""

    office: MonthEndOffice
    caller: Caller
    period: str

    async def asks(self, method: str, path: str, by: str | None = "finance-1", **options: Any) -> httpx.Response:
        """A request about the month; `path` begins behind its address."""
        return await self.caller.asks(by, method, f"/month-ends/{self.period}{path}", **options)

    async def sees(self, **wanted: Any) -> dict[str, Any]:
        """Look at the run until its fields are as wanted."""
        async with asyncio.timeout(30):
            while True:
                story: dict[str, Any] = (await self.asks("GET", "")).json()
                if all(story.get(name) == value for name, value in wanted.items()):
                    return story
                await asyncio.sleep(0.05)


@pytest.fixture
async def billing(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[Billing]:
    period = next(MONTHS_OF_THEIR_OWN)
    async with a_billing_office(engine, case_clock, tmp_path) as office:
        office.bills("acme", "birch", period=period)
        settings = Settings(task_queue=office.queue, ticket_webhook_secret=SecretStr("a-secret"))
        desk = CaseDesk(case_clock.client, Books.over(engine), settings, office.tokens)
        async with calling(desk) as caller:
            yield Billing(office, caller, period)


async def test_a_held_month_is_billed_step_by_step(billing: Billing) -> None:
    hold = (await billing.caller.asks("finance-1", "POST", "/holds", json={"effect": "invoicing", **WHY})).json()
    begun = await billing.asks("POST", "/runs", json={})
    waiting = await billing.sees(needs_human=True)
    paused = await billing.asks("POST", "/pause", json=WHY)
    released = await billing.caller.asks("finance-1", "POST", f"/holds/{hold['hold_id']}/release", json=WHY)
    resumed = await billing.asks("POST", "/resume", json=WHY)

    ended = await billing.sees(ending="closed")

    report = (await billing.asks("GET", "/report")).json()
    assert (begun.status_code, begun.json()) == (202, {"case_id": f"month-end/{billing.period}"})
    assert waiting["holds"][0].startswith("invoicing is held for everybody by finance-1")
    assert [answer.json()["message"] for answer in (paused, resumed)] == ["paused", "resumed"]
    assert released.json()["released_by"] == "finance-1"
    assert ended["outcomes"] == {"rated": 2}
    assert report["totals"][0]["total_minor"] == 249_90
    assert (await billing.caller.asks("finance-1", "GET", "/holds")).json() == []


async def test_the_same_key_steers_a_run_once(billing: Billing) -> None:
    await billing.caller.asks("finance-1", "POST", "/holds", json={"effect": "invoicing", **WHY})
    await billing.asks("POST", "/runs", json={})
    await billing.sees(needs_human=True)
    key = {"Idempotency-Key": "pause-1"}

    answers = [await billing.asks("POST", "/pause", json=WHY, headers=dict(key)) for _ in range(2)]

    assert [(answer.status_code, answer.json()["message"]) for answer in answers] == [(200, "paused")] * 2
    cancelled = await billing.asks("POST", "/cancel", json=WHY)
    assert cancelled.json()["message"] == "cancelled"
    await billing.sees(ending="cancelled")


async def test_two_dry_runs_are_compared(billing: Billing) -> None:
    for calls in (0, 1_000):
        if calls:
            billing.office.house.used("acme", calls, day=f"{billing.period}-06")
        await billing.asks("POST", "/runs", json={"dry_run": True})
        async with asyncio.timeout(30):
            while (await billing.asks("GET", "?dry_run=true")).json().get("ending") != "dry run":  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    answer = await billing.asks("GET", "/diff")

    assert (answer.json()["same"], answer.json()["different"]) == (1, 1)
    assert answer.json()["changes"][0]["tenant_id"] == "acme"


async def test_what_cannot_be_done_is_refused_with_its_reason(billing: Billing) -> None:
    asked = {
        "not signed in": await billing.asks("POST", "/runs", by=None, json={}),
        "an agent": await billing.asks("POST", "/runs", by="agent-1", json={}),
        "the future": await billing.caller.asks("finance-1", "POST", "/month-ends/2999-01/runs", json={}),
        "no month": await billing.caller.asks("finance-1", "POST", "/month-ends/2025-13/runs", json={}),
        "never billed": await billing.asks("GET", "/report"),
        "no run": await billing.asks("POST", "/pause", json=WHY),
        "no reason": await billing.asks("POST", "/pause", json={}),
        "both covers": await billing.caller.asks(
            "finance-1",
            "POST",
            "/holds",
            json={"effect": "invoicing", "tenant_id": "acme", "meter": "api_calls", **WHY},
        ),
        "deletion of a meter": await billing.caller.asks(
            "finance-1", "POST", "/holds", json={"effect": "deletion", "meter": "api_calls", **WHY}
        ),
        "an agent's hold": await billing.caller.asks("agent-1", "POST", "/holds", json={"effect": "invoicing", **WHY}),
        "no hold": await billing.caller.asks("finance-1", "POST", "/holds/hold-99/release", json=WHY),
    }

    said = {what: (answer.status_code, answer.json()["error"]["code"]) for what, answer in asked.items()}

    assert said == {
        "not signed in": (401, "not_signed_in"),
        "an agent": (403, "not_allowed"),
        "the future": (422, "invalid"),
        "no month": (422, "invalid"),
        "never billed": (404, "not_found"),
        "no run": (404, "not_found"),
        "no reason": (422, "invalid"),
        "both covers": (422, "invalid"),
        "deletion of a meter": (422, "invalid"),
        "an agent's hold": (403, "not_allowed"),
        "no hold": (404, "not_found"),
    }
