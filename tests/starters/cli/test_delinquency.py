"""`runbooks delinquency ...` beside a house that recovers what it is owed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import Result

from tests.fixtures.temporal import CaseClock
from tests.starters.cli.counter import Counter
from tests.workflows.recovering import CaseInHand, RecoveringDesk, a_recovering_desk

WHY = ("--reason", "They asked for it by telephone.")


class House(Counter[RecoveringDesk]):
    """A terminal beside the house that recovers; `acme` stands for the customer of the test."""

    async def types(self, words: str, *more: str) -> Result:
        return await super().types(re.sub(r"\bacme\b(?!-)", self.desk.tenant_id, words), *more)


@pytest.fixture
async def counter(
    bare_environment: None, engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> AsyncIterator[House]:
    async with a_recovering_desk(engine, case_clock, tmp_path / "files") as desk:
        yield House(desk, tmp_path)


async def owing(counter: House, days: float = 0) -> CaseInHand:
    """A case that has been under way for so many days."""
    counter.desk.owes()
    case = await counter.desk.takes_up()
    if days:
        await case.days(days)
    return case


async def test_a_case_shows_rung_next_step_and_what_is_owed(counter: House) -> None:
    await owing(counter)

    listed = await counter.types("delinquency list")
    shown = await counter.types("delinquency show acme")
    as_json = await counter.types("delinquency list --json")

    assert (listed.exit_code, shown.exit_code) == (0, 0)
    assert "retrying\tUSD 310.00\tgrace begins" in listed.stdout
    for line in ("rung\tretrying", "net due\tUSD 310.00", "next step\tgrace begins", "service\tfull service"):
        assert line in shown.stdout
    assert "final warning, USD 310.00 is owed" in shown.stdout
    assert '"ending": null' in as_json.stdout


async def test_what_is_agreed_on_counts_at_once_or_waits_for_another_person(counter: House) -> None:
    case = await owing(counter, days=8)
    day = f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}"

    promised = await counter.types(f"delinquency promise acme {day} --as agent-1", *WHY)
    extended = await counter.types("delinquency extend acme 2 --as agent-1", *WHY)
    asked = await counter.types(f"delinquency exempt acme {day} --as finance-1", *WHY)
    await case.rests()
    shown = await counter.types("delinquency show acme")
    approve = next(line.split("\t")[1] for line in shown.stdout.splitlines() if line.startswith("approve\t"))
    approved = await counter.types(f"{approve.removeprefix('runbooks ')} --as lead-1")
    restored = await counter.types("delinquency restore acme --as lead-1", *WHY)

    assert "\npromised to pay by" in promised.stdout
    assert "\ngrace is extended by 2 days" in extended.stdout
    assert "\nasked lead: exempted until" in asked.stdout
    assert approved.exit_code == 0
    assert approved.output.endswith(f"approved by lead-1: USD 310.00 for {counter.desk.tenant_id}\n")
    assert restored.exit_code == 2, "the exemption has given the service back already"


async def test_what_cannot_be_agreed_on_says_why(counter: House) -> None:
    await owing(counter)

    answers = {
        words: await counter.types(f"delinquency {words}", *WHY)
        for words in (
            "promise acme 2026-01-01 --as agent-1",
            "promise acme tomorrow --as agent-1",
            "extend acme 0 --as lead-1",
            "extend acme 31 --as vp-1",
            "extend acme 5 --as engineering-1",
            "extend nobody-known 5 --as lead-1",
            "try-again acme --as lead-1",
        )
    }

    said = {words: (one.exit_code, " ".join(one.output.split())) for words, one in answers.items()}
    assert [code for code, _ in said.values()] == [2, 2, 2, 2, 1, 2, 1], said
    assert "is past where the customer is" in said["promise acme 2026-01-01 --as agent-1"][1]
    assert "30 is the most" in said["extend acme 31 --as vp-1"][1]
    assert "may not agree on anything with a debtor" in said["extend acme 5 --as engineering-1"][1]
    assert "nobody-known has no recovery" in said["extend nobody-known 5 --as lead-1"][1]


async def test_a_tenants_hold_wakes_its_case(counter: House) -> None:
    case = await owing(counter)

    held = await counter.types("holds place charging --tenant acme --as lead-1", *WHY)
    await case.rests()

    assert held.exit_code == 0
    assert (await case.story()).waits


async def test_a_case_that_is_over_is_shown_from_the_record(counter: House) -> None:
    case = await owing(counter)
    counter.desk.bank.is_paid_elsewhere(f"inv-{counter.desk.tenant_id}")
    await case.hears()
    await case.ending()

    shown = await counter.types("delinquency show delinquency/acme/1")
    listed = await counter.types("delinquency list --all")
    late = await counter.types("delinquency extend acme 2 --as lead-1", *WHY)
    unknown = await counter.types("delinquency show nobody-known")

    assert "ending\trecovered" in shown.stdout
    assert "recovered" in listed.stdout
    assert (late.exit_code, unknown.exit_code) == (1, 2)
    assert "is over, recovered" in late.output
