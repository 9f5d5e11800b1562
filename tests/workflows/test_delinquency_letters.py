"""What a debtor is written, and when: what the letters say is so, and no two of them leave where one says it all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.arrangements import Arrangement
from billing.declines import Advice
from billing.payments import AttemptResult, AttemptTold, Origin, Outcome, RetryPhase
from billing.tenants import Tier
from tests.fixtures.temporal import CaseClock
from tests.workflows.recovering import CaseInHand, RecoveringDesk, a_recovering_desk
from workflows.delinquency import Delinquency


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    async with a_recovering_desk(engine, case_clock, tmp_path) as opened:
        yield opened


@pytest.fixture
async def collecting(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[RecoveringDesk]:
    """A desk at which the retries themselves are at work."""
    async with a_recovering_desk(engine, case_clock, tmp_path, with_real_chases=True) as opened:
        yield opened


def latest(desk: RecoveringDesk, template: str) -> str:
    """What the latest letter of a kind says."""
    sent = [one.rendered.text for one in desk.postman.mailbox if one.letter.payload.template == template]
    return " ".join(sent[-1].split())


async def owes_another(desk: RecoveringDesk, case: CaseInHand) -> str:
    """Another charge fails now, by the clock of the case."""
    desk.at = await case.clock.now(case.handle)
    invoice = desk.owes_more("20.00")
    await case.hears()
    return invoice


async def test_the_first_letter_says_when_the_charge_is_tried_again(collecting: RecoveringDesk) -> None:
    collecting.owes()

    await collecting.takes_up()

    letter = latest(collecting, "payment_failed")
    assert "We could not collect your payment for invoice" in letter
    assert "We try again on " in letter
    assert "another one" not in letter


async def test_the_first_letter_about_a_card_that_is_not_tried_again_asks_for_another(
    collecting: RecoveringDesk,
) -> None:
    invoice = collecting.owes()
    collecting.is_charged(invoice, "stolen_card")

    await collecting.takes_up()

    letter = latest(collecting, "payment_failed")
    assert "We try again on " not in letter
    assert "We have no payment method of yours that can be charged, so please give us another one" in letter


async def test_a_later_decline_that_only_another_card_heals_is_told_once_as_soon_as_the_budget_allows(
    desk: RecoveringDesk,
) -> None:
    desk.owes(tier=Tier.ENTERPRISE)
    case = await desk.takes_up()
    await case.hours(6)

    result = AttemptResult(outcome=Outcome.DECLINED, advice=Advice.ASK_FOR_NEW_METHOD, words="declined, stolen_card")
    told = AttemptTold(
        invoice_id=(await case.story()).debts[0].invoice_id,
        origin=Origin.SCHEDULED,
        number=2,
        result=result,
        phase=RetryPhase.STOPPED,
        advice=result.advice,
    )
    await case.handle.signal(Delinquency.heard_attempt, told)
    await case.rests()
    at_once = (await case.letters()).count("payment_failed")
    await case.days(6)

    assert (at_once, (await case.letters()).count("payment_failed")) == (1, 2)
    assert "so please give us another one: until then nothing is tried by itself" in latest(desk, "payment_failed")


async def test_another_failed_payment_is_told_by_the_reminder_that_is_due_as_well(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(8.5)

    await owes_another(desk, case)
    await case.days(4)

    assert (await case.letters()).count("payment_failed") == 1
    next_letter = desk.postman.mailbox[3].letter.payload
    assert next_letter.template in ("payment_reminder", "service_blocked")
    assert len(next_letter.owed.invoices) == 2


async def test_what_waits_for_the_office_to_open_is_told_although_a_call_is_asked_for_before(
    desk: RecoveringDesk,
) -> None:
    desk.owes(tier=Tier.ENTERPRISE)
    case = await desk.takes_up()
    await case.days(29.9)

    await owes_another(desk, case)
    await case.days(7)

    assert (await case.letters()).count("payment_failed") == 2
    assert f"INV-2026-09-{desk.tenant_id}" in latest(desk, "payment_failed")


async def test_service_that_is_eased_in_part_is_told_with_what_follows(desk: RecoveringDesk) -> None:
    oldest = desk.owes()
    case = await desk.takes_up()
    await case.days(3)
    await owes_another(desk, case)
    await case.days(8)

    desk.bank.is_paid_elsewhere(oldest)
    await case.hears()

    assert case.service == "rate_limited"
    letter = latest(desk, "service_eased")
    assert "because what is open now has not been due for that long" in letter
    assert "- Requests are limited to 10 % of the usual rate." in letter
    assert f"- INV-2026-09-{desk.tenant_id}: $20.00" in letter
    assert "New requests are refused. -" in letter


async def test_full_service_with_a_debt_left_is_told_with_the_debt(desk: RecoveringDesk) -> None:
    oldest = desk.owes()
    case = await desk.takes_up()
    await case.days(9)
    await owes_another(desk, case)

    desk.bank.is_paid_elsewhere(oldest)
    await case.hears()

    assert case.service == "none"
    letter = latest(desk, "service_eased")
    assert "works again, fully and from now on, because what is open now has not" in letter
    assert f"This is still open: - INV-2026-09-{desk.tenant_id}: $20.00" in letter


async def test_service_that_a_person_gives_back_is_told_so_with_the_debt_that_is_left(desk: RecoveringDesk) -> None:
    desk.owes()
    case = await desk.takes_up()
    await case.days(8)

    await case.is_arranged(Arrangement.RESTORATION, "lead-1")
    await case.rests()

    letter = latest(desk, "service_eased")
    assert "because a colleague looked at your account and decided so. This is still open: -" in letter
