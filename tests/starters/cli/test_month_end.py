"""`runbooks month-end` and `runbooks holds` beside a house that bills: the real runbook, books and decisions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import Result

from tests.fixtures.temporal import CaseClock
from tests.starters.cli.counter import lay_out, typed
from tests.workflows.month_end_office import MONTHS_OF_THEIR_OWN, MonthEndOffice, a_billing_office


@dataclass(frozen=True)
class Counter:
    """A terminal beside the house, in a month that only this test bills."""

    office: MonthEndOffice
    data: Path
    period: str

    async def types(self, words: str, *more: str) -> Result:
        """Run a command; `{p}` stands for the option that names the period."""
        return await typed(self.data, [*words.replace("{p}", f"--period {self.period}").split(), *more])

    async def sees(self, what: str) -> str:
        """Look at the run until it says something."""
        async with asyncio.timeout(30):
            while what not in (shown := (await self.types("month-end show {p}")).stdout):  # noqa: ASYNC110 - nobody tells a terminal
                await asyncio.sleep(0.1)
        return shown


@pytest.fixture
async def counter(
    bare_environment: None, engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> AsyncIterator[Counter]:
    """Two tenants with a month of usage."""
    period = next(MONTHS_OF_THEIR_OWN)
    async with a_billing_office(engine, case_clock, tmp_path / "files") as office:
        office.bills("acme", "birch", period=period)
        address = case_clock.client.service_client.config.target_host
        lay_out(tmp_path, engine, address, office.queue, office.tokens)
        yield Counter(office, tmp_path, period)


def month_before(period: str) -> str:
    year, month = period.split("-")
    return f"{year}-{int(month) - 1:02}"


async def test_a_month_is_billed_and_watched_to_its_end(counter: Counter) -> None:
    result = await counter.types("month-end run {p} --watch --as finance-1")

    assert result.exit_code == 0, result.output
    assert f"month-end/{counter.period} has begun" in result.stdout
    assert "rated: 2 rated" in result.stdout
    assert "ending\tclosed" in result.stdout
    assert len(counter.office.stripe.documents) == 2


async def test_a_dry_run_is_compared_with_the_run_before(counter: Counter) -> None:
    await counter.types("month-end run {p} --dry-run --watch --as finance-1")
    counter.office.house.used("acme", 1_000, day=f"{counter.period}-06")

    result = await counter.types("month-end run {p} --dry-run --diff --as finance-1")

    assert result.exit_code == 0, result.output
    assert f"{counter.period}#2 against {counter.period}#1" in result.stdout or "same bill\t1" in result.stdout
    assert "another bill\t1" in result.stdout
    assert "acme\tUSD 124.95\tUSD 130.90\tUSD 5.95" in result.stdout
    assert counter.office.house.totals(counter.period) == {}


async def test_finance_reads_the_report_and_approves_from_the_command_line(counter: Counter) -> None:
    counter.office.house.issued("acme", 10_00, period=month_before(counter.period))
    await counter.types("month-end run {p} --as finance-1")
    shown = await counter.sees("to decide")
    approval = f"month-end/{counter.period}/review/run-1.1/a1"

    listed = await counter.types("approvals list")
    refused = await counter.types(f"approve {approval} --as finance-1")
    accepted = await counter.types(f"approve {approval} --as finance-2")

    assert "more than the median allows" in shown
    assert f"{approval}\tfinance\tUSD 249.90" in listed.stdout
    assert (refused.exit_code, "finance-1 asked for this" in refused.stderr) == (1, True)
    assert "approved by finance-2: USD 249.90" in accepted.stdout
    await counter.sees("ending\tclosed")


async def test_a_doubtful_draft_is_parked_and_the_question_asked_again(counter: Counter) -> None:
    counter.office.house.issued("acme", 10_00, period=month_before(counter.period))
    await counter.types("month-end run {p} --as finance-1")
    await counter.sees("to decide")

    result = await counter.types("month-end park {p} --tenant acme --as finance-1 --reason", "looks wrong to us")

    assert result.stdout.endswith("acme is parked\n")
    assert "run-1.2/a1" in await counter.sees("run-1.2/a1")
    await counter.types("month-end cancel {p} --as finance-1 --reason", "to be looked at")
    await counter.sees("ending\tcancelled")


async def test_a_held_run_waits_is_paused_and_goes_on(counter: Counter) -> None:
    placed = await counter.types("holds place invoicing --as finance-1 --reason", "the meter counts twice")
    await counter.types("month-end run {p} --as finance-1")
    waiting = await counter.sees("held\t")
    paused = await counter.types("month-end pause {p} --as finance-1 --reason", "until tomorrow")
    listed = await counter.types("holds list")

    released = await counter.types("holds release hold-1 --as finance-1 --reason", "it counts once now")
    resumed = await counter.types("month-end resume {p} --as finance-1 --reason", "it is tomorrow")

    assert placed.stdout.startswith("hold-1: invoicing is held for everybody by finance-1")
    assert "the meter counts twice" in waiting
    assert (paused.stdout.splitlines()[-1], resumed.stdout.splitlines()[-1]) == ("paused", "resumed")
    assert "hold-1\tinvoicing\teverybody\tfinance-1" in listed.stdout
    assert released.stdout.endswith("hold-1 is released by finance-1\n")
    await counter.sees("ending\tclosed")


async def test_a_run_that_is_under_way_is_not_started_twice(counter: Counter) -> None:
    await counter.types("holds place invoicing --as finance-1 --reason", "the meter counts twice")
    await counter.types("month-end run {p} --as finance-1")

    result = await counter.types("month-end run {p} --as finance-2")

    assert result.exit_code == 1
    assert f"runbooks month-end watch --period {counter.period}" in result.stderr
    await counter.types("month-end cancel {p} --as finance-1 --reason", "only a test")


async def test_a_run_whose_workflow_is_gone_is_given_up_and_begun_again(counter: Counter) -> None:
    await counter.types("holds place invoicing --as finance-1 --reason", "the meter counts twice")
    await counter.types("month-end run {p} --as finance-1")
    await counter.sees("held\t")
    too_early = await counter.types("month-end give-up {p} --as finance-1 --reason", "seems dead")
    await counter.office.clock.client.get_workflow_handle(f"month-end/{counter.period}").terminate()
    await counter.types("holds release hold-1 --as finance-1 --reason", "it counts once now")
    turned_away = await counter.types("month-end run {p} --watch --as finance-1")

    given_up = await counter.types("month-end give-up {p} --as finance-1 --reason", "terminated by mistake")

    assert f"month-end/{counter.period} is under way: cancel it instead" in too_early.stderr
    assert "give it up" in " ".join(turned_away.stderr.split())
    assert f"{counter.period}#1 is given up: start the month end again" in given_up.stdout
    result = await counter.types("month-end run {p} --watch --as finance-1")
    assert "ending\tclosed\n" in result.stdout


async def test_the_parked_are_billed_by_a_rerun(counter: Counter) -> None:
    counter.office.house.run("update tenants set address = null where tenant_id = 'birch'")
    await counter.types("month-end run {p} --watch --as finance-1")
    shown = await counter.types("month-end show {p}")
    counter.office.house.run("update tenants set address = '1 Birch Street' where tenant_id = 'birch'")

    result = await counter.types("month-end rerun {p} --watch --as finance-1")

    assert "birch\tparked\tthe tenant has no address" in shown.stdout
    assert "ending\tclosed\n" in result.stdout
    assert len(counter.office.stripe.documents) == 2


WRONG = (
    ("month-end run --period 2026-13 --as finance-1", 2, "write it as yyyy-mm, for example 2026-10"),
    ("month-end run --period october --as finance-1", 2, "billing period 'october' is not a month"),
    (
        "month-end run --period 2999-01 --as finance-1",
        2,
        "period 2999-01 has not begun: it can be billed from 2999-02-01",
    ),
    ("month-end run {p} --as agent-1", 1, "agent-1 is agent and may not run a month end"),
    ("month-end show --period 1999-01", 2, "nobody has billed 1999-01 yet"),
    ("month-end diff --period 1999-01", 2, "nobody has billed 1999-01 yet"),
    ("month-end show {p} --run 2025-01#7", 2, "there is no run 2025-01#7"),
    ("month-end watch --period 1999-01", 2, "month-end/1999-01 is no open case: start it with"),
    ("month-end pause --period 1999-01 --as finance-1 --reason tired", 2, "month-end/1999-01 is no open case"),
    ("holds place invoicing --as agent-1 --reason tired", 1, "agent-1 is agent and may not place or release a hold"),
    ("holds place invoicing --as finance-1 --reason no", 2, "--reason"),
    ("holds place invoicing --tenant ghost --as finance-1 --reason tired", 2, "there is no tenant ghost"),
    ("holds place invoicing --tenant acme --meter api_calls --as finance-1 --reason tired", 2, "a tenant or a meter"),
    ("holds place weather --as finance-1 --reason tired", 2, "weather"),
    ("holds release hold-99 --as finance-1 --reason tired", 2, "there is no hold hold-99"),
    ("schedules trigger nothing --as finance-1", 2, "there is no schedule nothing: `runbooks schedules apply`"),
    ("schedules backfill month-end --from soon --to 2025-01-01 --as finance-1", 2, "--from soon: write a day"),
    ("schedules backfill month-end --from 2025-02-01 --to 2025-01-01 --as finance-1", 2, "the first before the last"),
)


async def test_what_cannot_be_done_is_said_in_words(counter: Counter) -> None:
    results = {command: await counter.types(command) for command, _, _ in WRONG}

    said = {command: (result.exit_code, " ".join(result.stderr.split())) for command, result in results.items()}
    unclear = {
        command: said[command]
        for command, code, words in WRONG
        if said[command][0] != code or words not in said[command][1]
    }
    assert unclear == {}


async def test_a_month_that_is_not_over_cannot_be_billed(counter: Counter) -> None:
    now = datetime.now(UTC) + timedelta(hours=14)  # whoever is ahead of UTC is in that month, or in it soon

    refused = await counter.types(f"month-end run --period {now:%Y-%m} --as finance-1")

    assert refused.exit_code == 2
    assert "it can be billed from" in " ".join(refused.stderr.split())


async def test_schedules_are_listed_before_they_are_applied(counter: Counter) -> None:
    result = await counter.types("schedules list --json")

    assert {line["schedule_id"]: line["applied"] for line in json.loads(result.stdout)}["month-end"] in (True, False)
