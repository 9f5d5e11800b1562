"""What a correction changes in figures: every deed and way back, on an invoice that is open, partly paid or paid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import correction_preview
from billing.corrections import CreditRequest, Destination
from billing.disputes import Category
from billing.invoice_corrections import Deed, InvoiceStanding, StatusChange
from billing.invoices import Invoice, InvoiceStatus
from billing.money import Money
from billing.policy.credits import Payback

OPEN, PAID, VOID, LOST = InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


def standing(paid: int = 0, total: int = 100_00, status: InvoiceStatus | None = None) -> InvoiceStanding:
    remaining = total - paid
    return InvoiceStanding(
        status=status or (OPEN if remaining else PAID),
        total=usd(total),
        paid=usd(paid),
        remaining=usd(remaining),
        credited=usd(0),
        refunded=usd(0),
        creditable=usd(total),
        refundable=usd(paid),
    )


def request(minor: int, payback: Payback) -> CreditRequest:
    small = payback is Payback.NEXT_INVOICE
    return CreditRequest(
        op_key="correction/INV-1/k-1/credit/1",
        case_id="correction/INV-1/k-1",
        ticket_id="INV-1-k-1",
        step="r1.1",
        tenant_id="acme",
        period="2026-10",
        invoice_id="inv-1",
        amount=usd(minor),
        destination=Destination.NEXT_INVOICE if small else Destination.CREDIT_NOTE,
        category=Category.PRICING,
        resolution=None,
        reason="why",
        requested_by="finance-1",
        payback=payback,
    )


def change(deed: Deed, due: int) -> StatusChange:
    return StatusChange(
        op_key=f"correction/INV-1/k-1/{deed}/1",
        case_id="correction/INV-1/k-1",
        invoice_id="inv-1",
        number="INV-1",
        tenant_id="acme",
        period="2026-10",
        deed=deed,
        amount=usd(due),
        reason="why",
        requested_by="finance-1",
    )


# Paid before, amount, way back -> status, still due, credited, refunded after it, and what waits for the next invoice.
CREDITS = {
    (0, 25_00, Payback.BALANCE): (OPEN, 75_00, 25_00, 0, 0),
    (0, 25_00, Payback.REFUND): (OPEN, 75_00, 25_00, 0, 0),
    (0, 100_00, Payback.BALANCE): (PAID, 0, 100_00, 0, 0),
    (90_00, 25_00, Payback.BALANCE): (PAID, 0, 25_00, 0, 15_00),
    (90_00, 25_00, Payback.REFUND): (PAID, 0, 25_00, 15_00, 0),
    (100_00, 25_00, Payback.BALANCE): (PAID, 0, 25_00, 0, 25_00),
    (100_00, 25_00, Payback.REFUND): (PAID, 0, 25_00, 25_00, 0),
    (0, 8_00, Payback.NEXT_INVOICE): (OPEN, 100_00, 0, 0, 8_00),
    (100_00, 8_00, Payback.NEXT_INVOICE): (PAID, 0, 0, 0, 8_00),
}


@pytest.mark.parametrize("told", CREDITS, ids=str)
def test_a_credit_lowers_what_is_due_and_gives_back_what_was_paid(told: tuple[int, int, Payback]) -> None:
    paid, amount, payback = told

    preview = correction_preview.of_credit(request(amount, payback), standing(paid))

    after = preview.after
    figures = (after.remaining, after.credited, after.refunded, preview.to_balance)
    assert (after.status, *(money.minor for money in figures)) == CREDITS[told]
    assert preview.before == standing(paid)


@given(
    paid=st.integers(0, 100_00),
    amount=st.integers(1, 100_00),
    payback=st.sampled_from([Payback.REFUND, Payback.BALANCE]),
)
def test_the_parts_of_a_credit_note_are_its_amount(paid: int, amount: int, payback: Payback) -> None:
    before = standing(paid)

    preview = correction_preview.of_credit(request(amount, payback), before)

    after = preview.after
    lowered = before.remaining - after.remaining
    assert lowered + after.refunded + preview.to_balance == after.credited == usd(amount)
    assert after.remaining.minor >= 0 and after.refundable.minor >= 0


def test_a_void_asks_for_nothing_and_hands_back_what_it_had_used_up() -> None:
    invoice = Invoice.model_construct(currency="USD", applied_credit_minor=12_00)

    preview = correction_preview.of_change(change(Deed.VOID, 88_00), invoice, standing(total=88_00))

    assert (preview.after.status, preview.after.remaining, preview.to_balance) == (VOID, usd(0), usd(12_00))


def test_a_write_off_gives_up_what_stays_due_and_hands_nothing_back() -> None:
    invoice = Invoice.model_construct(currency="USD", applied_credit_minor=12_00)

    preview = correction_preview.of_change(change(Deed.WRITE_OFF, 88_00), invoice, standing(total=88_00))

    assert (preview.after.status, preview.after.remaining, preview.to_balance) == (LOST, usd(88_00), usd(0))
