"""Recoveries of unpaid invoices over HTTP: looked at, and agreed on something once for each key."""

from __future__ import annotations

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
from tests.workflows.recovering import CaseInHand, RecoveringDesk, a_recovering_desk

LONGER: dict[str, Any] = {"kind": "extension", "days": 2, "reason": "A new card is in the post."}


@dataclass(frozen=True)
class Counter:
    """The API beside a house that recovers what it is owed."""

    desk: RecoveringDesk
    caller: Caller

    async def arranges(self, by: str = "agent-1", key: str | None = None, **wish: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key or uuid4().hex}
        path = f"/delinquencies/{self.desk.tenant_id}/arrangements"
        return await self.caller.asks(by, "POST", path, json=wish or LONGER, headers=headers)

    async def owing(self) -> CaseInHand:
        self.desk.owes()
        return await self.desk.takes_up()


@pytest.fixture
async def counter(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[Counter]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as desk:
        settings = Settings(task_queue=desk.queue, ticket_webhook_secret=SecretStr("a-secret"))
        async with calling(CaseDesk(case_clock.client, Books.over(engine), settings, desk.world.tokens)) as caller:
            yield Counter(desk, caller)


async def test_a_case_is_listed_shown_and_extended_once_for_each_key(counter: Counter) -> None:
    case, key, tenant = await counter.owing(), uuid4().hex, counter.desk.tenant_id

    listed = await counter.caller.asks("agent-1", "GET", "/delinquencies")
    first, second = await counter.arranges(key=key), await counter.arranges(key=key)
    await case.rests()
    shown = await counter.caller.asks("agent-1", "GET", f"/delinquencies/{tenant}")

    assert [row["case_id"] for row in listed.json()] == [f"delinquency/{tenant}/1"]
    assert (first.status_code, first.content) == (200, second.content)
    assert first.json() == {"case_id": f"delinquency/{tenant}", "message": "grace is extended by 2 days"}
    assert (shown.json()["rung"], shown.json()["arranged"]) == ("retrying", ["grace is longer by 2 days"])


async def test_another_person_approves_what_is_beyond_ones_authority(counter: Counter) -> None:
    case = await counter.owing()

    asked = await counter.arranges(**(LONGER | {"days": 9}))
    await case.rests()
    question = (await case.question()).approval_id
    own = await counter.caller.asks("agent-1", "POST", f"/approvals/{question}/approve", json={})
    approved = await counter.caller.asks("finance-1", "POST", f"/approvals/{question}/approve", json={})
    lead = await counter.caller.asks("vp-1", "POST", f"/approvals/{question}/approve", json={})
    await case.rests()

    assert asked.json()["message"].startswith("asked vp: ")
    assert [one.status_code for one in (own, approved, lead)] == [409, 409, 200]
    assert (await case.story()).arranged == ("grace is longer by 9 days",)


# What may not be said, and the status and field that answer it.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "holiday"}, "kind"),
    ({"days": 0}, "days"),
    ({"days": 2.5}, "days"),
    ({"days": None}, "body"),
    ({"until": "2026-12-31"}, "body"),
    ({"kind": "promise", "days": None, "until": "31.12.2026"}, "until"),
    ({"reason": ""}, "reason"),
    ({"requested_by": "vp-1"}, "requested_by"),
]


async def test_what_cannot_be_read_is_refused_naming_the_field(counter: Counter) -> None:
    await counter.owing()

    answers = [await counter.arranges(**(LONGER | wish)) for wish, _ in WRONG]

    assert {answer.status_code for answer in answers} == {422}
    named = [{error["field"] for error in answer.json()["error"]["fields"]} for answer in answers]
    assert [field for (_, field), fields in zip(WRONG, named, strict=True) if field not in fields] == []


async def test_who_may_not_and_who_owes_nothing_are_told_so(counter: Counter) -> None:
    await counter.owing()

    engineer = await counter.arranges(by="engineering-1")
    past = await counter.arranges(kind="promise", until="2026-01-01", reason="By telephone.")
    unknown = await counter.caller.asks("lead-1", "POST", "/delinquencies/nobody/arrangements", json=LONGER)
    nowhere = await counter.caller.asks("lead-1", "GET", "/delinquencies/nobody")
    odd = await counter.caller.asks("lead-1", "GET", "/delinquencies/No%20body")
    path = f"/delinquencies/{counter.desk.tenant_id}/try-again"
    nothing = await counter.caller.asks("lead-1", "POST", path, json={"reason": "Now."})

    assert [one.status_code for one in (engineer, past, unknown, nowhere, odd, nothing)] == [
        403,
        422,
        404,
        404,
        422,
        409,
    ]
    assert "is past where the customer is" in past.json()["error"]["message"]
