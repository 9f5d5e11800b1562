"""How much is owed in the end: money that goes back after it was paid, parts of an invoice, and what is too little to chase."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.provider_events import NewsKind
from billing.recovery import Ending
from tests.fixtures.temporal import CaseClock
from tests.workflows.recovering import CaseInHand, RecoveringDesk, a_recovering_desk


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as opened:
        yield opened


async def owed(case: CaseInHand) -> list[str]:
    """What is owed on each invoice, and by whom it is chased."""
    return [f"{debt.net}, {debt.chased.partition(',')[0]}" for debt in (await case.story()).debts]


async def was_paid(desk: RecoveringDesk) -> str:
    """An invoice over USD 310.00 whose recovery is over."""
    invoice = desk.owes()
    case = await desk.takes_up()
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()
    assert await case.ending() is Ending.RECOVERED
    return invoice


async def test_a_refund_of_what_was_paid_begins_another_case_over_exactly_that(desk: RecoveringDesk) -> None:
    invoice = await was_paid(desk)
    closed = desk.later()

    desk.bank.refunds(invoice, 60_00)
    desk.reads(invoice)
    again = await desk.takes_up()

    story = await again.story()
    assert (story.case_id, story.rung) == (f"delinquency/{desk.tenant_id}/2", "retrying")
    assert await owed(again) == ["USD 60.00, retrying"]
    assert desk.told("payment_failed")["billing"].owed.invoices[0].net == story.owed[0]
    assert [moment < closed for moment in story.contacts] == [True, True, False, False]


async def test_a_refund_while_another_invoice_is_owed_goes_on_in_the_same_case(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    desk.owes_more("20.00")
    case = await desk.takes_up()
    desk.bank.is_paid_elsewhere(invoice)
    await case.hears()
    settled = await owed(case)

    desk.bank.refunds(invoice, 60_00)
    await case.hears(NewsKind.REFUND)

    assert settled == ["USD 20.00, retrying"]
    assert sorted(await owed(case)) == ["USD 20.00, retrying", "USD 60.00, retrying"]
    assert (await case.story()).case_id == f"delinquency/{desk.tenant_id}/1"


@pytest.mark.parametrize(
    ("won", "chased", "ending"), [(False, ["USD 310.00, retrying"], None), (True, [], Ending.RECOVERED)]
)
async def test_a_chargeback_is_owed_and_rests_until_the_banks_have_decided(
    desk: RecoveringDesk, won: bool, chased: list[str], ending: Ending | None
) -> None:
    invoice = await was_paid(desk)

    desk.bank.charges_back(invoice)
    desk.reads(invoice)
    again = await desk.takes_up()
    undecided = await owed(again)
    await again.days(20)
    meanwhile = again.service
    desk.bank.decides(invoice, won=won)
    await again.hears(NewsKind.CHARGEBACK)

    assert (undecided, meanwhile) == (["USD 310.00, rests: disputed"], "none")
    assert await owed(again) == chased
    assert (await again.story()).ending is ending


async def test_what_we_give_back_ourselves_is_owed_by_nobody(desk: RecoveringDesk) -> None:
    invoice = await was_paid(desk)

    desk.bank.gives_back_by_a_note(invoice, 60_00)
    desk.reads(invoice)
    again = await desk.takes_up()

    assert await again.ending() is Ending.NOT_DELINQUENT


async def test_a_payment_of_a_part_lowers_what_is_owed_and_the_ladder_goes_on(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(6)

    desk.bank.is_paid_elsewhere(invoice, 110_00)
    await case.hears()
    left = await owed(case)
    await case.days(2)

    assert left == ["USD 200.00, retrying"]
    assert (await case.timeline())[-1] == "day  7  limited to 10 % of the usual rate, USD 200.00 is owed"


async def test_a_part_that_leaves_less_than_can_be_charged_is_the_end_of_it(desk: RecoveringDesk) -> None:
    invoice = desk.owes()
    case = await desk.takes_up()
    await case.days(8)

    desk.bank.is_paid_elsewhere(invoice, 309_60)
    await case.hears()

    assert await case.ending() is Ending.RECOVERED
    assert case.service == "none"


@pytest.mark.parametrize("amount", ["0.00", "0.40"], ids=["nothing", "less than can be charged"])
async def test_an_invoice_over_too_little_is_no_debt(desk: RecoveringDesk, amount: str) -> None:
    desk.owes(amount)

    case = await desk.takes_up()

    assert await case.ending() is Ending.NOT_DELINQUENT
    assert await case.letters() == []
