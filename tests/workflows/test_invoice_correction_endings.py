"""Corrections of issued invoices from the order to the record: what is done exactly once, and what is not done at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from billing.cases import Verdict
from billing.emails import ApprovalRequested
from billing.invoice_corrections import CorrectionReceipt, Deed, Ending, Stage
from billing.invoices import InvoiceStatus
from billing.money import Money
from tests.fixtures.temporal import CaseClock
from tests.workflows.correcting import CorrectingDesk, a_correcting_desk
from workflows.invoice_correction import InvoiceCorrection

NOTHING = Money.zero("USD")


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


@pytest.fixture
async def desk(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[CorrectingDesk]:
    async with a_correcting_desk(engine, case_clock, tmp_path) as opened:
        yield opened


def parts(receipt: CorrectionReceipt | None) -> tuple[Money, Money, Money]:
    """What need not be paid any more, what goes back to the payment method, and what into the balance."""
    assert receipt is not None
    return receipt.lowered_due, receipt.refunded, receipt.to_balance


# -- every ending --------------------------------------------------------------------------------------------------------


async def test_an_approved_credit_lowers_what_is_due_by_a_note_and_a_corrected_invoice(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")

    await case.is_decided_by("agent-2")

    assert await case.ending() is Ending.CREDITED
    receipt = (await case.story()).receipt
    assert parts(receipt) == (usd("25.00"), NOTHING, NOTHING)
    assert [credit.amount for credit in desk.provider.credits] == [usd("25.00")]
    corrected = desk.invoice("acme")
    assert (corrected.revision, corrected.total) == (2, usd("285.00"))
    assert receipt and receipt.corrected_invoice_number == corrected.number


async def test_what_was_paid_is_refunded_when_that_was_ordered(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.has_paid(), amount="25.00", payback="refund")

    await case.is_decided_by("agent-2")

    assert await case.ending() is Ending.CREDITED
    assert parts((await case.story()).receipt) == (NOTHING, usd("25.00"), NOTHING)
    assert [credit.refunded for credit in desk.provider.credits] == [25_00]


async def test_a_line_with_its_correct_quantity_is_rated_again(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), lines=[{"line": 1, "quantity": "2900"}])
    asked = await case.story()

    await case.is_decided_by("agent-2")

    assert asked.amount == usd("20.00")
    assert asked.statements[0] == "Line 1, API calls: 3,100 for USD 310.00, correct 2,900 for USD 290.00."
    assert await case.ending() is Ending.CREDITED
    assert desk.invoice("acme").lines[0].quantity == 2900


async def test_an_approved_void_asks_for_nothing_any_more(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), Deed.VOID, requested_by="finance-1")

    await case.is_decided_by("lead-1")

    assert await case.ending() is Ending.VOIDED
    assert desk.provider.changed == {"in_acme": InvoiceStatus.VOID}
    assert desk.invoice("acme").status is InvoiceStatus.VOID


async def test_an_approved_write_off_gives_up_what_is_due_and_keeps_the_document(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), Deed.WRITE_OFF, requested_by="finance-1")

    await case.is_decided_by("lead-1")

    assert await case.ending() is Ending.WRITTEN_OFF
    assert desk.provider.changed == {"in_acme": InvoiceStatus.UNCOLLECTIBLE}
    written_off = desk.invoice("acme")
    assert (written_off.status, written_off.total) == (InvoiceStatus.UNCOLLECTIBLE, usd("310.00"))


async def test_a_rejected_correction_changes_nothing(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")

    await case.is_decided_by("agent-2", Verdict.REJECT, "The count is right.")

    assert await case.ending() is Ending.REJECTED
    assert (await case.timeline())[-1] == "ended: rejected, The count is right."
    assert desk.provider.credits == []
    assert desk.invoice("acme").revision == 1


async def test_silence_is_a_no_after_reminders_to_higher_and_higher_roles(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")

    await case.hours(5 * 24 + 1)

    assert await case.ending() is Ending.UNANSWERED
    letters = [
        (sent.letter.payload.role, sent.letter.payload.reminder)
        for sent in desk.postman.mailbox
        if isinstance(sent.letter.payload, ApprovalRequested)
    ]
    assert {role for role, _ in letters} == {"agent", "lead", "vp"}
    assert max(reminder for _, reminder in letters) > 10
    assert desk.provider.credits == []


async def test_a_correction_is_withdrawn_while_it_waits_for_approval(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")

    answer = await case.does(InvoiceCorrection.withdraw, "finance-1")

    assert answer == "withdrawn"
    assert await case.ending() is Ending.WITHDRAWN
    assert desk.ports.desk.pending() == []  # type: ignore[attr-defined]
    assert desk.provider.credits == []


async def test_what_cannot_be_done_is_not_accepted_and_names_what_can(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.has_paid(), Deed.VOID, requested_by="finance-1")

    assert await case.ending() is Ending.NOT_ACCEPTED
    assert (await case.timeline())[-1].endswith("give the rest back with `runbooks invoice correct` instead")
    assert desk.told("approval_requested") == {}


async def test_who_may_not_order_is_turned_away(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00", requested_by="engineering-1")

    assert await case.ending() is Ending.NOT_ACCEPTED
    assert "engineering-1 may not order corrections" in (await case.timeline())[-1]


# -- who decides ---------------------------------------------------------------------------------------------------------


async def test_nobody_approves_what_they_ordered_and_nobody_beyond_their_limit(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="60.00", requested_by="lead-1")

    own = await case.is_decided_by("lead-1")
    too_low = await case.is_decided_by("agent-2")
    allowed = await case.is_decided_by("lead-2")

    assert [one.accepted for one in (own, too_low, allowed)] == [False, False, True]
    assert own.message == "lead-1 asked for this; another person must decide it"
    assert await case.ending() is Ending.CREDITED


async def test_the_approver_reads_what_will_happen_and_the_commands(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")

    letter = desk.told("approval_requested")["agent-2"]

    assert isinstance(letter, ApprovalRequested)
    assert letter.findings == (
        "USD 25.00 is not due any more.",
        "A credit note over USD 25.00 and a corrected invoice follow INV-2026-10-acme.",
    )
    assert letter.question == (
        "May USD 25.00 of invoice INV-2026-10-acme be given back? agent-1 says: The meter counted twice on 3 October."
    )
    assert (await case.story()).stage is Stage.APPROVE
    await case.does(InvoiceCorrection.withdraw, "agent-1")


async def test_the_story_stays_when_the_runbook_is_over(desk: CorrectingDesk) -> None:
    case = await desk.orders(desk.owes(), amount="25.00")
    await case.is_decided_by("agent-2")
    await case.ending()

    row = desk.ports.corrections.find(case.order.case_id)

    assert row is not None and row.story is not None
    told = await case.story()
    assert (row.ending, row.story.receipt) == (Ending.CREDITED, told.receipt)
    assert row.story.timeline == told.timeline
