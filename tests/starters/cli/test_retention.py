"""`runbooks retention ...` beside a house that deletes: the real runbook and books."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.retention import case_id
from tests.fixtures.temporal import CaseClock
from tests.starters.cli.counter import Counter, shown_as_json
from tests.workflows.purging import PurgingDesk, a_purging_desk


class House(Counter[PurgingDesk]):
    """A terminal beside the house that deletes."""

    async def plans(self) -> tuple[str, str]:
        """A plan that waits to be confirmed: its name and its hash."""
        self.desk.waits("acme")
        planned = shown_as_json(await self.types("retention plan --as finance-1 --json"))
        return planned["plan_id"], planned["sha256"]


@pytest.fixture
async def counter(
    bare_environment: None, engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> AsyncIterator[House]:
    async with a_purging_desk(engine, case_clock, tmp_path / "files") as desk:
        yield House(desk, tmp_path)


async def test_a_plan_is_made_shown_confirmed_approved_and_certified(counter: House) -> None:
    plan_id, sha256 = await counter.plans()
    handle = counter.desk.clock.client.get_workflow_handle(case_id(plan_id))
    early = await counter.types(f"retention certificate {plan_id} --out", str(counter.data / "early.pdf"))

    shown = await counter.types(f"retention show {plan_id}")
    confirmed = await counter.types(f"retention confirm {plan_id} {sha256} CONFIRM --as finance-1")
    own = await counter.types(f"approve retention/{plan_id}/purge/a1 --as finance-1")
    approved = await counter.types(f"approve retention/{plan_id}/purge/a1 --as vp-1")
    async with asyncio.timeout(30):
        await handle.result()
    after = await counter.types(f"retention show {plan_id}")
    certificate = await counter.types(f"retention certificate {plan_id} --out", str(counter.data / "c.pdf"))

    assert early.exit_code == 2
    assert "would go\t64 rows of 1 customer" in shown.stdout
    assert "acme\tusage_events\tdelete\t31" in shown.stdout
    assert f"runbooks retention confirm {plan_id} {sha256} CONFIRM" in shown.stdout
    assert confirmed.stdout.strip().endswith("confirmed: vp decides about it next")
    assert own.exit_code == 1
    assert approved.exit_code == 0, approved.output
    assert "certificate\t64 rows deleted or redacted, nothing left" in after.stdout
    assert counter.desk.rows("usage_events", "acme") == 0
    assert certificate.exit_code == 0
    assert (counter.data / "c.pdf").read_bytes().startswith(b"%PDF")


async def test_nothing_is_confirmed_by_an_old_hash_without_the_word_or_by_anybody(counter: House) -> None:
    plan_id, sha256 = await counter.plans()
    confirm = f"retention confirm {plan_id}"

    refused = {
        "an old hash": await counter.types(f"{confirm} {'0' * 64} CONFIRM --as finance-1"),
        "no hash": await counter.types(f"{confirm} abc CONFIRM --as finance-1"),
        "no word": await counter.types(f"{confirm} {sha256} --as finance-1"),
        "another word": await counter.types(f"{confirm} {sha256} yes --as finance-1"),
        "an agent": await counter.types(f"{confirm} {sha256} CONFIRM --as agent-1"),
        "an unknown plan": await counter.types(f"retention confirm 2020-01-01 {sha256} CONFIRM --as finance-1"),
    }

    words = {
        "an old hash": f"the plan's hash is {sha256}, and you confirmed 000",
        "no hash": "HASH abc: write the SHA-256 as 64 digits",
        "no word": "type CONFIRM behind the hash: what is deleted does not come back",
        "another word": "type CONFIRM, in capitals, to have this deleted; you typed 'yes'",
        "an agent": "may not confirm what is to be deleted for good; it takes one of: finance, lead, vp",
        "an unknown plan": "there is no plan 2020-01-01: `runbooks retention list` names those there are",
    }
    assert {case: words[case] in result.stderr for case, result in refused.items()} == dict.fromkeys(words, True)
    assert {result.exit_code for case, result in refused.items() if case != "an agent"} == {2}
    assert counter.desk.rows("usage_events", "acme") == 31
    listed = await counter.types("retention list")
    assert f"{plan_id}\t" in listed.stdout
    assert listed.stdout.rstrip().endswith("planned")
