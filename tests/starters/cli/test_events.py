"""`runbooks events`: what Stripe told us, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.service import RPCError

from billing.provider_events import CASE_ID, Arrival, EventState, Outcome
from tests.fakes.events import about_invoice, sent
from tests.starters.cli.conftest import Terminal

NOW = datetime.now(UTC)


@pytest.fixture
def parked(terminal: Terminal) -> Iterator[str]:
    """An event about acme that a person has to look at; whoever is woken by its retry works elsewhere."""
    file = terminal.data / "sandbox.json"
    settings = json.loads(file.read_text())["settings"]
    file.write_text(json.dumps({"settings": settings | {"RUNBOOKS_TASK_QUEUE": "nobody-works-here"}}))
    event = sent(f"evt_{uuid4().hex}", "invoice.paid", about_invoice("invoice.paid", "in_1", "acme"), NOW)
    book = terminal.desk.books.provider_events
    book.keep([event], Arrival.WEBHOOK, NOW)
    outcome = Outcome(
        event_id=event.event_id,
        state=EventState.PARKED,
        attempts=1,
        trying_since=NOW,
        tenant_id="acme",
        why="invoice in_1 at Stripe has the status 'lost', which is unknown",
    )
    book.settle([outcome], NOW + timedelta(seconds=1))
    yield event.event_id
    book.retry_parked("test", "tidy up", NOW)


async def test_parked_events_are_listed_with_why(terminal: Terminal, parked: str) -> None:
    result = await terminal.types("events", "list", "--state", "parked", "--tenant", "acme")

    assert result.exit_code == 0
    assert parked in result.stdout
    assert "the status 'lost', which is unknown" in result.stdout


async def test_a_list_is_json_for_a_program(terminal: Terminal, parked: str) -> None:
    result = await terminal.types("events", "list", "--state", "parked", "--json")

    [line] = [one for one in json.loads(result.stdout) if one["event_id"] == parked]
    assert (line["type"], line["state"], line["tenant_id"]) == ("invoice.paid", "parked", "acme")


async def test_one_event_is_shown_with_what_was_sent(terminal: Terminal, parked: str) -> None:
    shown = await terminal.types("events", "show", parked)
    as_json = await terminal.types("events", "show", parked, "--json")
    unknown = await terminal.types("events", "show", "evt_never")

    assert '"id": "in_1"' in shown.stdout
    assert "parked after 1 attempt" in shown.stdout
    assert json.loads(as_json.stdout)["sent"]["data"]["object"]["id"] == "in_1"
    assert unknown.exit_code == 2
    assert "no event evt_never has arrived" in unknown.stderr


async def test_a_parked_event_is_tried_again_by_those_in_charge(terminal: Terminal, parked: str) -> None:
    why = ("--reason", "The status is known now.")

    nobody = await terminal.types("events", "retry", parked, *why, "--as", "agent-1")
    unnamed = await terminal.types("events", "retry", *why, "--as", "lead-1")
    both = await terminal.types("events", "retry", parked, "--parked", *why, "--as", "lead-1")
    one = await terminal.types("events", "retry", parked, *why, "--as", "engineering-1")
    every = await terminal.types("events", "retry", "--parked", *why, "--as", "lead-1")

    assert (nobody.exit_code, unnamed.exit_code, both.exit_code) == (1, 2, 2)
    assert "may not let a case try again" in nobody.stderr
    assert one.stdout == "1 event will be tried again now\n"
    assert every.stdout == "0 events will be tried again now\n"
    found = terminal.desk.books.provider_events.find(parked)
    assert found is not None
    assert (found[0].state, found[0].retried_because) == (EventState.WAITING, "The status is known now.")
    with suppress(RPCError):
        await terminal.desk.client.get_workflow_handle(CASE_ID).terminate()
