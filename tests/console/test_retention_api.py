"""Plans over HTTP: made once for a key, read, confirmed by their hash, approved and certified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from adapters.postgres.books import Books
from settings import Settings
from tests.console.caller import Caller, calling
from tests.fixtures.temporal import CaseClock
from tests.starters.desk import SECRET, CaseDesk
from tests.workflows.purging import PurgingDesk, a_purging_desk


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[PurgingDesk]:
    async with a_purging_desk(engine, case_clock, tmp_path) as opened:
        yield opened


@pytest.fixture
async def api(desk: PurgingDesk, engine: Engine) -> AsyncIterator[Caller]:
    settings = Settings(ticket_webhook_secret=SecretStr(SECRET), task_queue=desk.queue)
    async with calling(CaseDesk(desk.clock.client, Books.over(engine), settings, desk.world.tokens)) as caller:
        yield caller


async def planned(desk: PurgingDesk, api: Caller) -> tuple[str, str]:
    """A plan that waits to be confirmed: where it is found, and its hash."""
    with desk.clock.held():
        begun = await api.asks("finance-1", "POST", "/retention/plans", headers={"Idempotency-Key": desk.queue})
    again = await api.asks("lead-1", "POST", "/retention/plans", headers={"Idempotency-Key": desk.queue})
    assert (begun.status_code, again.json()) == (202, begun.json())
    where = f"/retention/plans/{begun.json()['plan_id']}"
    async with asyncio.timeout(30):
        while (found := await api.asks("agent-1", "GET", where)).status_code == 404:  # noqa: ASYNC110 - it is not told
            await asyncio.sleep(0.1)
    return where, found.json()["sha256"]


async def test_a_plan_is_confirmed_approved_and_certified(desk: PurgingDesk, api: Caller) -> None:
    desk.waits("acme")
    where, sha256 = await planned(desk, api)
    case = where.removeprefix("/retention/plans/")

    early = await api.asks("agent-1", "GET", f"{where}/certificate")
    old = await api.asks("finance-1", "POST", f"{where}/confirm", json={"plan_sha256": "0" * 64, "word": "CONFIRM"})
    careless = await api.asks("finance-1", "POST", f"{where}/confirm", json={"plan_sha256": sha256, "word": "yes"})
    done = await api.asks("finance-1", "POST", f"{where}/confirm", json={"plan_sha256": sha256, "word": "CONFIRM"})
    await desk.clock.settled(desk.clock.client.get_workflow_handle(f"retention/{case}"))
    approved = await api.asks("vp-1", "POST", f"/approvals/retention/{case}/purge/a1/approve", json={"reason": "Yes."})
    await desk.clock.client.get_workflow_handle(f"retention/{case}").result()
    certificate = await api.asks("agent-1", "GET", f"{where}/certificate")
    listed = await api.asks("agent-1", "GET", "/retention/plans")

    assert (early.status_code, old.status_code, careless.status_code) == (404, 422, 422)
    assert f"the plan's hash is {sha256}" in old.json()["error"]["message"]
    assert done.json()["message"] == "confirmed: vp decides about it next"
    assert approved.status_code == 200
    assert certificate.content.startswith(b"%PDF")
    assert [one["ending"] for one in listed.json()] == ["deleted"]
    assert desk.rows("usage_events", "acme") == 0
