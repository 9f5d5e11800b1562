"""`runbooks reconcile` and `runbooks reconciliation` beside a house that compares: the real runbook and books."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from tests.fixtures.temporal import CaseClock
from tests.starters.cli.counter import Counter, shown_as_json
from tests.workflows.comparing import ComparingDesk, a_comparing_desk, copied

House = Counter[ComparingDesk]


@pytest.fixture
async def counter(
    bare_environment: None, engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> AsyncIterator[House]:
    async with a_comparing_desk(engine, case_clock, tmp_path / "files") as desk:
        yield Counter(desk, tmp_path)


async def test_a_month_that_agrees_is_shown_with_its_totals(counter: House) -> None:
    counter.desk.sides.both("acme")
    counter.desk.is_ready()

    result = await counter.types("reconcile --period 2026-10 --as finance-1")

    assert result.exit_code == 0, result.output
    assert "outcome\t1 document against 1 invoice: both agree" in result.stdout
    assert "USD\t1\tUSD 100.00\tUSD 100.00\tUSD 0.00" in result.stdout


async def test_a_difference_is_a_row_with_its_repair_and_an_exit_code(counter: House) -> None:
    counter.desk.sides.document("bolt", 860_50)
    counter.desk.is_ready()

    result = await counter.types("reconcile --period 2026-10 --as finance-1")

    assert result.exit_code == 1
    row = "inv-2026-10-bolt\tmissing at provider\tbolt\t–\tUSD 860.50\t–\tin the books, not at the provider. Push it again"
    assert row in result.stdout


async def test_the_same_key_shows_the_same_one(counter: House) -> None:
    counter.desk.sides.both("acme")
    counter.desk.is_ready()
    words = f"reconcile --period 2026-10 --as finance-1 --json --no-wait --idempotency-key {uuid4().hex}"

    first, second = await counter.types(words), await counter.types(words)
    await counter.desk.clock.client.get_workflow_handle(shown_as_json(first)["case_id"]).result()

    assert shown_as_json(first) == shown_as_json(second)
    listed = await counter.types("reconciliation list --period 2026-10 --json")
    assert len(json.loads(listed.stdout)) == 1


async def test_duplicates_are_looked_at_and_voided(counter: House) -> None:
    counter.desk.sides.both("acme", 30_00)
    counter.desk.sides.theirs.append(copied(counter.desk.sides.theirs[0], "in_copy", number=None))
    counter.desk.is_ready()
    with counter.desk.clock.held():
        started = await counter.types("reconcile --period 2026-10 --as finance-1 --json --no-wait")
    name = shown_as_json(started)["reconciliation_id"]
    await counter.desk.clock.settled(counter.desk.clock.client.get_workflow_handle(f"reconciliation/{name}"))

    shown = await counter.types(f"reconciliation show {name}")
    refused = await counter.types(f"reconciliation void-duplicates {name} --as lead-1 --reason", "Made twice.")
    voided = await counter.types(f"reconciliation void-duplicates {name} --as finance-1 --reason", "Made twice.")

    assert "duplicate\tacme\tin_copy" in shown.stdout
    assert (refused.exit_code, voided.exit_code) == (1, 0)
    assert "lead-1 is lead and may not decide about duplicates" in refused.stderr
    assert "the duplicates are being voided" in voided.stdout
    await counter.desk.clock.client.get_workflow_handle(f"reconciliation/{name}").result()
    assert set(counter.desk.invoicing.voided) == {"in_copy"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("reconcile --period 2026-13 --as finance-1", "2026-13"),
        ("reconcile --period 2199-01 --as finance-1", "period 2199-01 has not begun"),
        ("reconcile --period 2026-10", "say who you are"),
        ("reconciliation show 2026-10/none", "there is no reconciliation 2026-10/none"),
        ("reconciliation leave-duplicates 2026-10/none --reason why --as finance-1", "reconciliation/2026-10/none"),
    ],
)
async def test_what_cannot_be_done_is_told_in_a_sentence(counter: House, words: str, told: str) -> None:
    result = await counter.types(words)

    assert result.exit_code == 2
    assert told in result.stderr


async def test_nothing_on_record_is_an_empty_list(counter: House) -> None:
    result = await counter.types("reconciliation list --json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
