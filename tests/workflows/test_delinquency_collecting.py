"""Recoveries with the retries of their invoices at work: what is charged when, and what the case makes of it.

Each clock is turned by itself here: hours pass for the retries, while the case stands at its first day.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from billing.arrangements import Arrangement
from billing.holds import HeldEffect
from billing.payments import Origin, RetryStory
from billing.provider_events import NewsKind
from billing.recovery import ArrangementState, Ending
from tests.fixtures.temporal import CaseClock, Handle
from tests.workflows.recovering import DECLINED, CaseInHand, RecoveringDesk, a_recovering_desk, until
from workflows.payment_retry import PaymentRetry


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    async with a_recovering_desk(engine, case_clock, tmp_path, with_real_chases=True) as opened:
        yield opened


@dataclass
class Chase:
    """The retries of one invoice, and the case they belong to."""

    case: CaseInHand
    invoice_id: str

    @property
    def handle(self) -> Handle:
        return self.case.clock.client.get_workflow_handle(f"payment-retry/{self.invoice_id}/1")

    async def story(self) -> RetryStory:
        return await self.handle.query(PaymentRetry.story)

    async def hours(self, hours: float) -> None:
        """Turn the clock of the retries, and let the case hear of what they did."""
        await self.case.clock.advance(self.handle, timedelta(hours=hours))
        await self.case.rests()

    async def charged_after(self) -> list[int]:
        """The hours after which something was charged."""
        lines = (await self.story()).timeline
        return [
            round((line.at - lines[0].at) / timedelta(hours=1))
            for line in lines
            if line.text.startswith(tuple(origin.replace("_", " ") for origin in Origin))
        ]


def taken(desk: RecoveringDesk) -> list[str]:
    return [str(charge.amount) for charge in desk.bank.taken]


async def test_the_third_retry_of_the_first_two_days_pays_and_the_case_is_over(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    desk.bank.next_answers.extend([DECLINED, DECLINED, "paid"])
    case = await desk.takes_up()
    chase = Chase(case, invoice)

    await chase.hours(49)

    assert await case.ending() is Ending.RECOVERED
    assert await chase.charged_after() == [6, 24, 48]
    assert [line[8:] for line in await case.timeline()][4:] == [
        "INV-2026-10-acme, scheduled attempt 1: USD 310.00 was declined: insufficient_funds",
        "INV-2026-10-acme, scheduled attempt 2: USD 310.00 was declined: insufficient_funds",
        "INV-2026-10-acme, scheduled attempt 3: USD 310.00 was paid (ch_3)",
        "INV-2026-10-acme is settled",
        "ended: recovered",
    ]
    assert taken(desk) == ["USD 310.00"]


async def test_a_new_card_is_charged_at_once_and_ends_the_case(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()

    desk.bank.cards[desk.tenant_id] = "paid"
    await case.hears(NewsKind.PAYMENT_METHOD)

    assert await case.ending() is Ending.RECOVERED
    assert await Chase(case, invoice).charged_after() == [0]
    assert taken(desk) == ["USD 310.00"]


async def test_while_nobody_knows_what_became_of_a_charge_a_new_card_is_not_charged(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    desk.bank.next_answers.append("processing")
    case = await desk.takes_up()
    chase = Chase(case, invoice)
    await chase.hours(6.1)

    desk.bank.cards[desk.tenant_id] = "paid"
    await case.hears(NewsKind.PAYMENT_METHOD)
    meanwhile = len(desk.bank.charges)
    desk.bank.answers()
    await chase.hours(2)

    assert meanwhile == 1
    assert await case.ending() is Ending.RECOVERED
    assert taken(desk) == ["USD 310.00"]


async def test_of_two_invoices_one_is_paid_past_us_and_the_other_is_collected_alone(desk: RecoveringDesk) -> None:
    older = desk.owes()
    younger = desk.owes_more("20.00")
    case = await desk.takes_up()
    await Chase(case, older).hours(7)

    desk.bank.is_paid_elsewhere(younger)
    await case.hears()
    left = await case.story()
    await Chase(case, younger).handle.result()
    desk.bank.cards[desk.tenant_id] = "paid"
    await Chase(case, older).hours(18)

    assert [str(one) for one in left.owed] == ["USD 310.00"]
    assert await case.ending() is Ending.RECOVERED
    assert taken(desk) == ["USD 310.00"]


async def test_a_card_that_comes_while_everything_is_held_is_charged_when_the_hold_is_over(
    desk: RecoveringDesk,
) -> None:
    desk.owes()
    case = await desk.takes_up()
    hold = await case.is_held(HeldEffect.WRITES)

    desk.bank.cards[desk.tenant_id] = "paid"
    await case.hears(NewsKind.PAYMENT_METHOD)
    meanwhile = list(desk.bank.charges)
    await case.is_released(hold)

    assert meanwhile == []
    assert await case.ending() is Ending.RECOVERED
    assert taken(desk) == ["USD 310.00"]


async def test_a_card_that_comes_while_a_promise_is_open_is_charged_at_once_and_keeps_it(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    today = datetime.now(ZoneInfo("America/New_York")).date()
    await case.is_arranged(Arrangement.PROMISE, until=today + timedelta(days=5))
    chase = Chase(case, invoice)
    await chase.hours(30)

    desk.bank.cards[desk.tenant_id] = "paid"
    await case.hears(NewsKind.PAYMENT_METHOD)

    assert await case.ending() is Ending.RECOVERED
    assert await chase.charged_after() == [30]
    assert [row.state for row in desk.ports.delinquencies.arranged(f"delinquency/{desk.tenant_id}/1")] == [
        ArrangementState.KEPT
    ]
    assert taken(desk) == ["USD 310.00"]


async def test_a_card_that_comes_for_what_was_contested_from_the_start_is_charged_once_it_is_decided(
    desk: RecoveringDesk,
) -> None:
    invoice = desk.owes()
    desk.contests("2026-10", desk.later())
    case = await desk.takes_up()

    desk.bank.cards[desk.tenant_id] = "paid"
    await case.hears(NewsKind.PAYMENT_METHOD)
    contested = await until(case, lambda story: "new payment method" in story.timeline[-1].text)
    await case.is_decided()
    await case.looks()

    assert contested.debts[0].chased == "rests: disputed"
    assert await case.ending() is Ending.RECOVERED
    assert await Chase(case, invoice).charged_after() == [0]
    assert taken(desk) == ["USD 310.00"]
