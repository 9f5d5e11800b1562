"""The daily collection: what fell due is charged for the first time, what is paid on receipt is read, cases are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing.holds import STOP_CHARGES, HeldEffect
from billing.money import Money
from billing.payment_collection import CollectionOrder, CollectionStory, Ending
from billing.payments import Outcome
from billing.provider_events import News
from tests.fixtures.temporal import CaseClock, Handle
from tests.histories.keeping import keep
from tests.workflows.collecting import CollectingOffice, Recovery, a_collecting_office, now
from workflows.payment_collection import PaymentCollection

DUE = Money.of("120.00", "USD")


@dataclass
class House:
    """An office whose tenants are of this test only."""

    office: CollectingOffice

    def bills(self, name: str, *, answer: str | None = "paid", overdue: bool | None = None) -> str:
        """A tenant with one invoice that fell due; with `overdue` it is paid on receipt, and late or not yet."""
        tenant = f"{name}-{uuid4().hex[:8]}"
        receipt: dict[str, Any] = (
            {} if overdue is None else {"automatic": False, "due_at": now() + timedelta(days=-1 if overdue else 9)}
        )
        self.office.bank.cards[tenant] = answer
        self.office.bank.bill(f"inv-{tenant}", tenant, DUE, **receipt)
        return tenant

    async def collects(self) -> Handle:
        with self.office.clock.held():
            handle: Handle = await self.office.clock.client.start_workflow(
                PaymentCollection.run,
                CollectionOrder(),
                id=f"payment-collection-{uuid4().hex[:8]}",
                task_queue=self.office.queue,
            )
        await self.office.clock.settled(handle)
        return handle

    async def case_of(self, tenant: str) -> list[News]:
        """What the tenant's case has heard."""
        case = self.office.clock.client.get_workflow_handle(f"delinquency/{tenant}")
        return await case.query(Recovery.heard_of)


@pytest.fixture
async def house(case_clock: CaseClock) -> AsyncIterator[House]:
    async with a_collecting_office(case_clock) as office:
        yield House(office)


async def ended(handle: Handle) -> Ending:
    ending = Ending(await handle.result())
    keep("payment_collection", ending.name.lower(), await handle.fetch_history())
    return ending


async def test_what_fell_due_is_charged_and_whoever_owes_gets_a_case(house: House) -> None:
    paying, broke = house.bills("paying"), house.bills("broke", answer="insufficient_funds")
    late, early = house.bills("late", overdue=True), house.bills("early", overdue=False)

    collection = await house.collects()

    told: CollectionStory = await collection.query(PaymentCollection.story)
    assert (told.totals.paid, told.totals.declined, told.totals.read) == (1, 1, 2)
    assert [charge.invoice_id for charge in house.office.bank.taken] == [f"inv-{paying}"]
    assert [news.invoice_id for news in await house.case_of(broke)] == [f"inv-{broke}"]
    assert [news.invoice_id for news in await house.case_of(late)] == [f"inv-{late}"]
    with pytest.raises(Exception, match="not found"):
        await house.case_of(early)
    assert await ended(collection) is Ending.COLLECTED


async def test_a_first_charge_that_only_a_person_can_judge_is_told_to_finance(house: House) -> None:
    tenant = house.bills("suspected", answer="fraudulent")

    await ended(await house.collects())

    (sent,) = house.office.postman.mailbox
    assert sent.letter.payload.template == "handed_over"
    assert sent.letter.payload.what_happened == "USD 120.00 was declined: fraudulent"
    assert [news.invoice_id for news in await house.case_of(tenant)] == [f"inv-{tenant}"]


async def test_the_next_day_only_what_is_new_is_charged(house: House) -> None:
    house.bills("paying"), house.bills("broke", answer="insufficient_funds")
    await ended(await house.collects())

    again = await house.collects()

    assert await ended(again) is Ending.NOTHING_DUE
    assert len(house.office.bank.charges) == 2


async def test_a_charge_that_nobody_knows_of_is_looked_up_the_same_day(house: House) -> None:
    house.office.bank.next_answers.append("lost")
    tenant = house.bills("unlucky")

    collection = await house.collects()
    before = house.office.book.attempts(f"inv-{tenant}")[0].outcome
    await house.office.clock.advance(collection, timedelta(minutes=6))

    assert await ended(collection) is Ending.COLLECTED
    (attempt,) = house.office.book.attempts(f"inv-{tenant}")
    assert (before, attempt.outcome) == (Outcome.UNKNOWN, Outcome.PAID)
    assert len(house.office.bank.charges) == 1


async def test_a_provider_that_is_away_is_told_and_waits_for_tomorrow(house: House) -> None:
    house.bills("paying")
    house.office.bank.next_answers.extend(["busy"] * 500)

    collection = await house.collects()
    await house.office.clock.advance(collection, timedelta(minutes=40), within_seconds=60)

    assert await ended(collection) is Ending.NOT_FINISHED
    assert [sent.letter.payload.template for sent in house.office.postman.mailbox] == ["handed_over"]
    house.office.bank.next_answers.clear()
    assert await ended(await house.collects()) is Ending.COLLECTED


@pytest.mark.parametrize("effect", STOP_CHARGES)
async def test_a_hold_leaves_everything_for_another_day(house: House, effect: HeldEffect) -> None:
    tenant = house.bills("held")
    house.office.holds.stops_charging(effect=effect)

    assert await ended(await house.collects()) is Ending.COLLECTED
    house.office.holds.held.clear()
    await ended(await house.collects())

    assert [charge.invoice_id for charge in house.office.bank.taken] == [f"inv-{tenant}"]
