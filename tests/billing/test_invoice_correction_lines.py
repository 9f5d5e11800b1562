"""A line put right is worth the difference of two whole bills: minimum, discounts and tax follow, nothing is guessed (D6)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.credit_notes import restated as next_revision
from billing.contracts import Terms
from billing.failures import BillingFailure, FailureCode
from billing.findings import CorrectedLine
from billing.invoice_correction_lines import doubts, in_words, restated
from billing.invoice_correction_rules import credit_request
from billing.invoice_corrections import LineFix
from billing.invoices import Invoice, LineKind
from billing.policy.standard import STANDARD
from tests.billing.agreements import billed, credit_of, fee, held, issued, percent_off, tax, terms
from tests.billing.strategies import any_prices
from tests.billing.test_invoice_correction_rules import standing
from tests.billing.test_invoice_corrections import order
from tests.billing.world import METER, NOW, contract, fee_line, invoice, price, tier, usage_line

TIERED = price(tier("1000", "2"), tier(None, "1"), included="100")
AGREEMENTS = {
    "plain": terms(prices=(TIERED,)),
    "taxed": terms(prices=(TIERED,), tax=tax("0.19")),
    "discounted": terms(fee(20_00), prices=(TIERED,), discounts=(percent_off("10"),), tax=tax("0.07")),
    "fixed discount": terms(fee(20_00), prices=(TIERED,), fixed_discounts=(credit_of(5_00),), tax=tax("0.19")),
    "minimum": terms(fee(20_00), prices=(TIERED,), minimum_minor=60_00, tax=tax("0.19")),
}


def bill(agreed: Terms, used: int) -> Invoice:
    return issued(billed(held(agreed), used={METER: used}))


def line_of(invoice: Invoice, meter: str = METER) -> int:
    found = invoice.line_for(meter)
    assert found is not None
    return found.number


def credit_minor(lines: tuple[CorrectedLine, ...]) -> int:
    return sum(line.credit_minor for line in lines)


def refusal(fix: LineFix, of: Invoice) -> str:
    with pytest.raises(BillingFailure) as refused:
        restated([fix], of, contract())
    assert refused.value.code is FailureCode.INVALID
    return refused.value.for_us


@pytest.mark.parametrize("agreed", AGREEMENTS)
@pytest.mark.parametrize(("used", "correct"), [(5_000, 4_000), (5_000, 0), (1_200, 900), (150, 50), (3_000, 2_999)])
def test_a_correct_quantity_is_worth_the_difference_of_the_two_bills(agreed: str, used: int, correct: int) -> None:
    wrong, right = (bill(AGREEMENTS[agreed], units) for units in (used, correct))

    lines = restated([LineFix(line=line_of(wrong), quantity=Decimal(correct))], wrong, held(AGREEMENTS[agreed]))

    assert credit_minor(lines) == wrong.total_minor - right.total_minor


@given(
    used=st.integers(1, 6_000),
    correct=st.integers(0, 6_000),
    prices=any_prices(),
    agreed=st.sampled_from(sorted(AGREEMENTS)),
)
def test_note_and_corrected_invoice_are_the_original(used: int, correct: int, prices: object, agreed: str) -> None:
    deal = AGREEMENTS[agreed].model_copy(update={"prices": (prices,)})
    wrong = bill(deal, used)
    if wrong.line_for(METER) is None:
        return
    ordered = order(lines=(LineFix(line=line_of(wrong), quantity=Decimal(correct)),))
    try:
        request = credit_request(ordered, 1, wrong, held(deal), standing(billed=wrong), wrong.total, STANDARD.credits)
    except BillingFailure:
        return

    revision = next_revision(wrong, request, NOW)

    assert revision.total_minor + request.amount.minor == wrong.total_minor
    assert revision.total_minor >= 0
    assert revision.corrects == wrong.invoice_id


def test_a_correct_amount_lowers_the_line_and_what_follows_from_it() -> None:
    wrong = bill(AGREEMENTS["taxed"], 1_100)

    lines = restated([LineFix(line=line_of(wrong), amount_minor=10_00)], wrong, held(AGREEMENTS["taxed"]))

    kinds = {line.number: line.kind for line in wrong.lines}
    assert [(kinds[line.line_number], line.credit_minor) for line in lines] == [
        (LineKind.USAGE, 10_00),
        (LineKind.TAX, 1_90),
    ]


def test_several_lines_are_put_right_at_once_and_tax_follows_once() -> None:
    deal = terms(fee(20_00), prices=(TIERED,), tax=tax("0.19"))
    wrong = bill(deal, 1_100)
    fee_number = next(line.number for line in wrong.lines if line.kind is LineKind.FEE)

    lines = restated(
        [LineFix(line=fee_number, amount_minor=15_00), LineFix(line=line_of(wrong), quantity=Decimal(1_000))],
        wrong,
        held(deal),
    )

    assert credit_minor(lines) == round((5_00 + 2_00) * 1.19)


@pytest.mark.parametrize(
    ("fix", "words"),
    [
        (LineFix(line=7, amount_minor=1), "line 7: invoice INV-2026-10-0001 has no such line, only 1 and 2"),
        (LineFix(line=2, quantity=6_000), "that is what was billed"),
        (LineFix(line=1, amount_minor=40_00), "that is what was billed"),
        (LineFix(line=1, quantity=2), "it has no price to rate 2 with; give its correct amount instead"),
    ],
)
def test_what_cannot_be_rated_is_refused_with_what_to_give_instead(fix: LineFix, words: str) -> None:
    of = invoice(fee_line(40_00, number=1), usage_line(price(), "6000", number=2))

    assert words in refusal(fix, of)


def test_a_line_that_was_billed_otherwise_than_its_price_says_is_not_rated_again() -> None:
    of = invoice(usage_line(price(), "6000", number=2, amount_minor=70_00))

    words = refusal(LineFix(line=2, quantity=5_000), of)

    assert "billed USD 70.00, but its price makes it USD 60.00; give its correct amount instead" in words


@pytest.mark.parametrize("agreed", ["taxed", "discounted", "fixed discount"])
def test_what_follows_from_charges_is_not_put_right_by_itself(agreed: str) -> None:
    wrong = bill(AGREEMENTS[agreed], 1_100)
    following = [
        line for line in wrong.lines if line.kind in (LineKind.TAX, LineKind.DISCOUNT, LineKind.FIXED_DISCOUNT)
    ]

    answers = [refusal(LineFix(line=line.number, amount_minor=0), wrong) for line in following]

    assert answers
    assert all("follows from the charges" in words for words in answers)


def test_an_approver_reads_each_line_before_and_after() -> None:
    of = invoice(fee_line(40_00, number=1), usage_line(price(), "6000", number=2))
    lines = restated([LineFix(line=1, amount_minor=30_00), LineFix(line=2, quantity=5_000)], of, contract())

    told = in_words(lines, of)

    assert told == (
        "Line 1, fee: USD 40.00, correct USD 30.00.",
        "Line 2, api_calls: 6,000 for USD 60.00, correct 5,000 for USD 50.00.",
    )


def test_an_invoice_that_does_not_follow_from_its_charges_is_told_of() -> None:
    deal = AGREEMENTS["taxed"]
    right = bill(deal, 1_100)
    tax_line = right.lines[-1]
    wrong = right.model_copy(
        update={
            "lines": (*right.lines[:-1], tax_line.model_copy(update={"amount_minor": tax_line.amount_minor + 7})),
            "total_minor": right.total_minor + 7,
        }
    )

    told = doubts(wrong, held(deal))

    assert len(told) == 1
    assert "USD 0.07" in told[0]
    assert doubts(right, held(deal)) == ()
