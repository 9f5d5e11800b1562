"""Deciding about money from a terminal, with the real runbook at work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine
from billing.cases import Ending
from settings import Settings
from tests.fixtures.temporal import CaseClock
from tests.starters.cli.conftest import Terminal
from tests.starters.cli.counter import lay_out
from tests.starters.desk import CaseDesk
from tests.workflows.office import Office, an_office


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The office works in this process, and its log lines would stand between those of the commands."""
    with capture_logs():
        yield


@pytest.fixture
async def office(database_url: str, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[Office]:
    engine = open_engine(database_url)
    async with an_office(engine, case_clock, tmp_path / "evidence") as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def counter(office: Office, bare_environment: None, tmp_path: Path) -> Terminal:
    """A terminal at the office."""
    engine, client = office.world.engine, office.clock.client
    settings = Settings(temporal_address=client.service_client.config.target_host, task_queue=office.queue)
    evidence = str(tmp_path / "evidence")
    lay_out(
        tmp_path,
        engine,
        settings.temporal_address,
        office.queue,
        office.world.tokens,
        RUNBOOKS_EVIDENCE_DIR=evidence,
    )
    return Terminal(tmp_path, CaseDesk(client, Books.over(engine), settings, office.world.tokens))


async def test_a_credit_is_decided_by_the_lead_it_was_asked_of(office: Office, counter: Terminal) -> None:
    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
    name = case.handle.id

    asked = await counter.types("approvals", "list")
    approval, role, amount = asked.stdout.splitlines()[1].split("\t")[:3]
    by_agent = await counter.types("approve", approval, "--as", "agent-1")
    by_lead = await counter.types("approve", approval, "--reason", "fair", "--as", "lead-1")
    again = await counter.types("approve", approval, "--reason", "fair", "--as", "lead-1")
    await case.rests()
    shown = await counter.types("case", "show", name)

    assert (role, amount) == ("lead", "USD 100.00")
    assert (by_agent.exit_code, by_lead.exit_code, again.exit_code) == (1, 0, 0)
    assert "this does not count: a decision by lead is needed" in by_agent.stderr
    assert by_lead.stdout == "approved by lead-1: USD 100.00 for acme\n"
    assert again.stdout == by_lead.stdout
    assert "credited\tUSD 100.00" in shown.stdout
    assert await case.ending() is Ending.CREDITED


async def test_what_a_closed_case_leaves_behind_can_be_looked_up(office: Office, counter: Terminal) -> None:
    case = await office.opens(office.world.tenant("acme", duplicated=400), disputed="40.00")
    name = case.handle.id
    assert await case.ending() is Ending.CREDITED

    evidence = await counter.types("evidence", "show", name)
    letters = await counter.types("mail", "list", "--case", name)
    resolved = next(line.split("\t")[0] for line in letters.stdout.splitlines() if "Resolved" in line)
    letter = await counter.types("mail", "show", resolved)
    decisions = await counter.types("decisions", "list")
    verified = await counter.types("decisions", "verify")
    listed = await counter.types("case", "list", "--all")
    reopened = await counter.types("dispute", "reopen", name, "--reason", "new logs", "--as", "agent-1")

    assert "duplicate events\tapi_calls\tUSD 40.00\tyes" in evidence.stdout
    assert "$40.00" in letter.stdout
    assert "TENANT=acme" in decisions.stdout
    assert verified.stdout.startswith("the decision log is whole: 1 row,")
    assert f"{name}\tcredited" in listed.stdout
    assert reopened.stdout == f"{name} is open again\n"
    await office.clock.client.get_workflow_handle(name).terminate()


async def test_a_rejection_sends_the_case_to_an_analyst(office: Office, counter: Terminal) -> None:
    case = await office.opens(office.world.tenant("acme", duplicated=1_000), disputed="100.00")
    approval = (await counter.types("approvals", "list")).stdout.splitlines()[1].split("\t")[0]

    unexplained = await counter.types("reject", approval, "--as", "lead-1")
    rejected = await counter.types("reject", approval, "--reason", "their own retries", "--as", "lead-1")
    await case.rests()
    judged = await counter.types(
        *("dispute", "judge", case.handle.id, "--resolution", "partial", "--amount", "12.30"),
        *("--reason", "half of it", "--as", "agent-1"),
    )
    await case.rests()
    asked_again = (await counter.types("approvals", "list")).stdout.splitlines()[1].split("\t")

    assert (unexplained.exit_code, rejected.exit_code, judged.exit_code) == (2, 0, 0)
    assert asked_again[2:5] == ["USD 12.30", "acme", "agent-1"]
    await case.handle.terminate()
