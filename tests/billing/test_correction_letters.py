"""What is said about a correction: the question, and what was done in one sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from billing import correction_letters
from billing.invoice_corrections import CorrectionOrder, CorrectionReceipt, Deed
from billing.money import Money


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


def order(deed: Deed) -> CorrectionOrder:
    return CorrectionOrder(
        deed=deed,
        invoice="INV-1",
        amount=usd("25.00") if deed is Deed.CREDIT else None,
        reason="Wrong company.",
        requested_by="finance-1",
        occasion="k-1",
    )


def receipt(deed: Deed, **parts: Any) -> CorrectionReceipt:
    plain: dict[str, Any] = {
        "amount": usd("25.00"),
        "provider_id": "cn_1",
        "booked_at": datetime(2026, 11, 21, tzinfo=UTC),
    }
    nothing = dict.fromkeys(("lowered_due", "refunded", "to_balance"), usd("0.00"))
    return CorrectionReceipt(deed=deed, **(plain | nothing | parts))


@pytest.mark.parametrize(
    ("deed", "question"),
    [
        (Deed.CREDIT, "May USD 25.00 of invoice INV-1 be given back? finance-1 says: Wrong company."),
        (Deed.VOID, "May invoice INV-1 be declared void, USD 25.00? finance-1 says: Wrong company."),
        (
            Deed.WRITE_OFF,
            "May USD 25.00 of invoice INV-1 be written off as uncollectible? finance-1 says: Wrong company.",
        ),
    ],
)
def test_an_approver_is_asked_about_the_deed_with_its_reason(deed: Deed, question: str) -> None:
    asked = correction_letters.question_for(order(deed), "INV-1", usd("25.00"))

    assert asked == question


@pytest.mark.parametrize(
    ("done", "sentence"),
    [
        (
            receipt(Deed.CREDIT, credit_note_number="CN-1", lowered_due=usd("10.00"), refunded=usd("15.00")),
            "credited USD 25.00 by credit note CN-1: USD 10.00 less is due and USD 15.00 refunded (cn_1)",
        ),
        (
            receipt(Deed.CREDIT, to_balance=usd("25.00")),
            "credited USD 25.00: USD 25.00 for the next invoice (cn_1)",
        ),
        (receipt(Deed.VOID, lowered_due=usd("25.00")), "declared void, USD 25.00 need not be paid (cn_1)"),
        (
            receipt(Deed.VOID, lowered_due=usd("20.00"), to_balance=usd("5.00")),
            "declared void, USD 20.00 need not be paid, USD 5.00 of earlier credits handed back (cn_1)",
        ),
        (receipt(Deed.WRITE_OFF, lowered_due=usd("25.00")), "written off, USD 25.00 (cn_1)"),
    ],
)
def test_what_was_done_is_told_in_a_sentence(done: CorrectionReceipt, sentence: str) -> None:
    assert correction_letters.carried_out(done) == sentence
