"""`runbooks invoice correct`, `refund`, `void`, `write-off` and `correction` beside a house that corrects its invoices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from billing.cases import Verdict
from billing.invoices import InvoiceStatus
from starters import decisions
from starters.cli import app
from tests.fixtures.temporal import CaseClock
from tests.starters.cli.counter import Counter, shown_as_json
from tests.workflows.correcting import CorrectingDesk, a_correcting_desk

INVOICE = "INV-2026-10-acme"
WHY = ("--reason", "The meter counted twice.")


class House(Counter[CorrectingDesk]):
    """A terminal beside the house that corrects."""

    async def orders(self, words: str, *more: str) -> dict[str, Any]:
        """Order a correction as finance; the story that the command shows."""
        result = await self.types(f"invoice {words} --as finance-1 --json", *WHY, *more)
        assert result.exit_code == 0, result.output
        return shown_as_json(result)

    async def ends(self, case: str) -> str:
        return str(await self.desk.clock.client.get_workflow_handle(case).result())


@pytest.fixture
async def counter(
    bare_environment: None, engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> AsyncIterator[House]:
    async with a_correcting_desk(engine, case_clock, tmp_path / "files") as desk:
        yield House(desk, tmp_path)


async def test_an_order_shows_before_and_after_and_the_command_that_approves_it(counter: House) -> None:
    counter.desk.owes()

    result = await counter.types(f"invoice correct {INVOICE} --amount 25.00 --as finance-1", *WHY)

    assert result.exit_code == 0, result.output
    assert "still due\tUSD 310.00\tUSD 285.00" in result.stdout
    assert "credited\tUSD 0.00\tUSD 25.00" in result.stdout
    assert "USD 25.00 is not due any more." in result.stdout
    approve = next(line.split("\t")[1] for line in result.stdout.splitlines() if line.startswith("approve\t"))
    approved = await counter.types(f"{approve.removeprefix('runbooks ')} --as agent-1")
    assert (approved.exit_code, approved.output) == (0, approved.output)
    case = approve.split()[-1].rpartition("/credit/")[0]
    assert await counter.ends(case) == "credited"


async def test_lines_are_corrected_by_what_follows_them(counter: House) -> None:
    counter.desk.owes()

    story = await counter.orders(f"correct {INVOICE} --line 1 --quantity 2,900")

    assert story["amount"] == {"minor": 2000, "currency": "USD"}
    assert story["statements"][0] == "Line 1, API calls: 3,100 for USD 310.00, correct 2,900 for USD 290.00."


async def test_a_refund_goes_back_to_the_payment_method(counter: House) -> None:
    counter.desk.has_paid()

    story = await counter.orders(f"refund {INVOICE} --amount 25.00")

    assert story["preview"]["after"]["refunded"] == {"minor": 2500, "currency": "USD"}
    assert story["statements"][0] == "USD 25.00 was paid and goes back to the payment method."


@pytest.mark.parametrize(
    ("command", "ending", "status"),
    [("void", "voided", InvoiceStatus.VOID), ("write-off", "written off", InvoiceStatus.UNCOLLECTIBLE)],
)
async def test_an_invoice_is_voided_or_written_off_once_a_lead_agrees(
    counter: House, command: str, ending: str, status: InvoiceStatus
) -> None:
    counter.desk.owes()
    story = await counter.orders(f"{command} {INVOICE}")

    approved = await counter.types(f"approve {story['approval']['approval_id']} --as lead-1")

    assert approved.exit_code == 0, approved.output
    assert await counter.ends(story["case_id"]) == ending
    assert counter.desk.invoice("acme").status is status


async def test_the_same_key_shows_the_same_correction_and_another_order_under_it_is_refused(counter: House) -> None:
    counter.desk.owes()
    key = ("--idempotency-key", uuid4().hex)

    first = await counter.orders(f"correct {INVOICE} --amount 25.00", *key)
    second = await counter.orders(f"correct {INVOICE} --amount 25.00", *key)
    other = await counter.types(f"invoice correct {INVOICE} --amount 26.00 --as finance-1", *WHY, *key)

    assert first["case_id"] == second["case_id"]
    assert other.exit_code == 1
    listed = json.loads((await counter.types("invoice correction list --open --json")).stdout)
    assert [row["case_id"] for row in listed] == [first["case_id"]]


async def test_one_is_looked_at_and_given_up(counter: House) -> None:
    counter.desk.owes()
    case = (await counter.orders(f"correct {INVOICE} --amount 25.00"))["case_id"]

    withdrawn = await counter.types(f"invoice correction withdraw {case.removeprefix('correction/')} --as lead-1", *WHY)
    ending = await counter.ends(case)
    shown = await counter.types(f"invoice correction show {case}")
    again = await counter.types(f"invoice correction withdraw {case} --as lead-1", *WHY)

    assert (withdrawn.exit_code, again.exit_code) == (0, 1)
    assert ending == "withdrawn"
    assert "ending\twithdrawn" in shown.stdout
    assert "withdrawn by lead-1: The meter counted twice." in shown.stdout
    assert "is closed: order another one if need be" in again.stderr


async def test_whoever_waits_learns_how_it_ended(counter: House) -> None:
    counter.desk.owes()
    waits = asyncio.create_task(counter.types(f"invoice correct {INVOICE} --amount 25.00 --wait --as finance-1", *WHY))
    async with asyncio.timeout(30):
        while not (pending := counter.desk.ports.desk.pending()):  # type: ignore[attr-defined]  # noqa: ASYNC110 - in the books
            await asyncio.sleep(0.05)

    client, token = counter.desk.clock.client, counter.desk.world.tokens["agent-1"]
    await decisions.answer(
        client, pending[0], Verdict.REJECT, "The count is right.", token=token, now=datetime.now(UTC)
    )
    result = await waits

    assert result.exit_code == 1
    assert "agent-1 rejected (The count is right.)" in result.stdout
    assert "ended: rejected, The count is right." in " ".join(result.stderr.split())


async def test_what_cannot_be_done_ends_with_what_can(counter: House) -> None:
    counter.desk.has_paid()

    result = await counter.types(f"invoice void {INVOICE} --as finance-1", *WHY)

    assert result.exit_code == 2
    assert "give the rest back with `runbooks invoice correct` instead" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--line 1", "--line 1: say what is correct, with --quantity or --amount behind it"),
        ("--line 1 --line 2 --quantity 5", "--line 1: say what is correct"),
        ("--quantity 1", "--quantity 1: say which line it is of first, as in --line 3 --quantity 1"),
        ("--amount 1 --amount 2", "--amount 2: say which line it is of first"),
        ("--line 1 --quantity few", "--quantity few: write the correct quantity of line 1 as a number, such as 1200"),
        (
            "--line 1 --quantity 1 --amount 1",
            "--line 1: give either its correct --quantity or its correct --amount, once",
        ),
        ("--line 0 --quantity 1", "'--line'"),
        ("--to cash --amount 1", "'cash'"),
    ],
)
def test_lines_that_do_not_fit_what_follows_them_are_told(bare_environment: None, words: str, told: str) -> None:
    result = CliRunner().invoke(app, ["invoice", "correct", INVOICE, *words.split(), *WHY])

    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())


# What was typed wrong, by what is said about it.
WRONG = {
    "invoice correct INV-2026-10-acne --amount 5 --as finance-1": "INV-2026-10-acme",
    f"invoice correct {INVOICE} --amount 5.001 --as finance-1": "more than the 2 decimal places that USD knows",
    f"invoice correct {INVOICE} --amount 0 --as finance-1": "a credit must be above zero",
    f"invoice correct {INVOICE} --as finance-1": "a credit needs either the lines to correct or an amount",
    f"invoice correct {INVOICE} --line 9 --quantity 1 --as finance-1": "has no such line, only 1",
    f"invoice correct {INVOICE} --amount 1 --line 1 --quantity 1 --as finance-1": "a credit needs either",
    f"invoice correct {INVOICE} --amount 999 --as finance-1": "has USD 310.00 left that can be given back",
    f"invoice correct {INVOICE} --amount 5": "say who you are",
    "invoice correction withdraw INV-1/k-none --as lead-1": "see `runbooks invoice correction list`",
    "invoice correction try-again INV-1/k-none --as lead-1": "see `runbooks invoice correction list`",
}


async def test_what_was_typed_wrong_is_told_in_a_sentence(counter: House) -> None:
    counter.desk.owes()

    results = {words: await counter.types(words, *WHY) for words in WRONG}
    unknown = await counter.types("invoice correction show INV-1/k-none")

    assert {words: result.exit_code for words, result in results.items()} == dict.fromkeys(WRONG, 2)
    told = {words: " ".join(result.stderr.split()) for words, result in results.items()}
    assert [words for words, sentence in WRONG.items() if sentence not in told[words]] == []
    assert "there is no correction correction/INV-1/k-none" in unknown.stderr


async def test_an_order_that_no_worker_takes_up_is_told_with_its_name(counter: House) -> None:
    counter.desk.owes()
    found = json.loads((counter.data / "sandbox.json").read_text())
    found["settings"]["RUNBOOKS_TASK_QUEUE"] = "nobody-works-here"
    (counter.data / "sandbox.json").write_text(json.dumps(found))

    result = await counter.types(f"invoice correct {INVOICE} --amount 25.00 --as finance-1", *WHY)

    [row] = counter.desk.ports.corrections.latest(1)
    words = " ".join(result.stderr.split())
    assert result.exit_code == 1
    assert f"{row.case_id} is ordered; " in words
    assert f"look at it with `runbooks invoice correction show {row.case_id}`" in words
    await counter.desk.clock.client.get_workflow_handle(row.case_id).terminate()


async def test_who_may_not_order_may_neither_order_nor_give_up(counter: House) -> None:
    counter.desk.owes()
    case = (await counter.orders(f"correct {INVOICE} --amount 25.00"))["case_id"]

    ordered = await counter.types(f"invoice correct {INVOICE} --amount 5 --as engineering-1", *WHY)
    withdrawn = await counter.types(f"invoice correction withdraw {case} --as engineering-1", *WHY)

    assert (ordered.exit_code, withdrawn.exit_code) == (1, 1)
    words = (
        "engineering-1 is engineering and may not correct issued invoices; it takes one of: agent, finance, lead, vp"
    )
    assert all(words in " ".join(result.stderr.split()) for result in (ordered, withdrawn))
