"""`runbooks payments show` and `retry`, and the same over HTTP, beside a house that collects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from adapters.postgres.books import Books
from billing.money import Money
from settings import Settings
from tests.console.caller import Caller, calling
from tests.fakes.collector import FakeCollector
from tests.fixtures.temporal import CaseClock
from tests.starters.cli.counter import Counter
from tests.starters.desk import CaseDesk
from tests.workflows.desk import Desk, opened

INVOICE, ID = "INV-2026-10-acme", "inv-acme"
WHY = "They have money on the account now."


@dataclass
class House(Counter[Desk]):
    """A terminal and a client of the API beside one house, whose bank is the fake; Acme owes USD 310.00."""

    bank: FakeCollector
    caller: Caller
    run: str = field(default_factory=lambda: uuid4().hex[:8])

    async def posts(self, key: str, by: str = "lead-1", invoice: str = INVOICE) -> httpx.Response:
        headers = {"Idempotency-Key": f"{key}-{self.run}"}
        with self.desk.clock.held():
            return await self.caller.asks(
                by, "POST", f"/payments/{invoice}/attempts", json={"reason": WHY}, headers=headers
            )


@pytest.fixture
async def counter(
    bare_environment: None, engine: Engine, case_clock: CaseClock, tmp_path: Path
) -> AsyncIterator[House]:
    bank = FakeCollector()
    async with opened(Desk, engine, case_clock, tmp_path / "files", collector=bank) as desk:
        desk.world.tenant("acme")
        bank.bill(ID, "acme", Money.of("310.00", "USD"))
        settings = Settings(task_queue=desk.queue, ticket_webhook_secret=SecretStr("a-secret"))
        async with calling(CaseDesk(case_clock.client, Books.over(engine), settings, desk.world.tokens)) as caller:
            yield House(desk, tmp_path, bank, caller)


async def test_a_person_has_it_charged_and_sees_every_attempt(counter: House) -> None:
    counter.bank.next_answers.extend(["insufficient_funds", "paid"])

    declined = await counter.types(f"payments retry {INVOICE} --as lead-1", "--reason", WHY)
    paid = await counter.types(f"payments retry {INVOICE} --as lead-1", "--reason", WHY)
    shown = await counter.types(f"payments show {INVOICE}")

    assert (declined.exit_code, paid.exit_code, shown.exit_code) == (1, 0, 0), shown.output
    assert "declined: USD 310.00 was declined: insufficient_funds" in declined.stdout
    assert "paid: USD 310.00 was paid" in paid.stdout
    assert f"{INVOICE}: paid, USD 0.00 of USD 310.00 is due" in shown.stdout
    assert [line.split("\t")[0] for line in shown.stdout.splitlines() if line.startswith("manual")] == [
        "manual 1",
        "manual 2",
    ]


async def test_the_same_key_charges_once_whatever_it_is_asked_through(counter: House) -> None:
    first, again = await counter.posts("phone-1"), await counter.posts("phone-1")
    typed = await counter.types(
        f"payments retry {ID} --as lead-1 --idempotency-key phone-1-{counter.run} --json", "--reason", WHY
    )

    assert (first.status_code, again.status_code, typed.exit_code) == (200, 200, 0), typed.output
    assert first.json() == again.json()
    assert first.json()["outcome"] == "paid"
    assert len(counter.bank.charges) == 1


async def test_over_http_the_page_shows_what_was_tried_and_by_whom(counter: House) -> None:
    counter.bank.next_answers.append("expired_card")
    await counter.posts("phone-1")

    page: dict[str, Any] = (await counter.caller.asks("agent-1", "GET", f"/payments/{INVOICE}")).json()

    assert page["receivable"]["remaining"] == {"minor": 310_00, "currency": "USD"}
    (tried,) = page["attempts"]
    assert (tried["requested_by"], tried["reason"], tried["decline_code"], tried["advice"]) == (
        "lead-1",
        WHY,
        "expired_card",
        "ask_for_new_method",
    )


async def test_by_hand_it_is_charged_five_times_at_most(counter: House) -> None:
    counter.bank.next_answers.extend(["insufficient_funds"] * 6)

    answers = [await counter.posts(f"phone-{number}") for number in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [409]
    assert "charged by hand 5 times" in answers[-1].json()["error"]["message"]


async def test_what_cannot_be_charged_is_said_in_words(counter: House) -> None:
    stranger = await counter.posts("phone-1", by="engineering-1")
    unknown = await counter.posts("phone-2", invoice="INV-none")
    keyless = await counter.caller.asks("lead-1", "POST", f"/payments/{INVOICE}/attempts", json={"reason": WHY})
    typed = await counter.types("payments show INV-none")

    assert (stranger.status_code, unknown.status_code, keyless.status_code) == (403, 404, 422)
    assert "there is no invoice INV-none at the payment provider" in unknown.json()["error"]["message"]
    assert (typed.exit_code, counter.bank.charges) == (2, [])
