"""A credit is what the customer really overpaid: corrections go through minimum, discounts and tax of the invoice (D6)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.contracts import Contract, Terms
from billing.findings import Assessment, Finding, FindingKind
from billing.invoices import Invoice, LineKind
from billing.invoicing import Bill
from billing.late_usage import TruedUp
from billing.periods import service_days
from billing.prices import MeterPrice
from billing.rerating import assess
from tests.billing.agreements import billed, credit_of, fee, held, issued, late_usage, percent_off, tax, terms
from tests.billing.strategies import any_prices
from tests.billing.world import METER, price, tier, usd

NOTHING = usd("0.00")
STORAGE = price(tier(None, "3"), meter="storage_gb")


def twice(units: int, meter: str = METER) -> Finding:
    return Finding(
        kind=FindingKind.DUPLICATE_EVENTS, meter=meter, statement="Counted twice.", excess_quantity=Decimal(units)
    )


def assessed(contract: Contract, invoice: Invoice, *findings: Finding) -> Assessment:
    return assess(findings, invoice, contract, already_credited=NOTHING, disputed=NOTHING)


def credited(agreed: Terms, used: int, excess: int) -> Assessment:
    """What is given back of a bill for `used` units of API calls when `excess` more were billed."""
    contract = held(agreed)
    return assessed(contract, issued(billed(contract, used={METER: used + excess})), twice(excess))


@pytest.mark.parametrize(
    ("agreed", "credit"),
    [
        (terms(prices=(price(),)), "10.00"),
        (terms(prices=(price(),), tax=tax("0.19")), "11.90"),
        (terms(prices=(price(),), discounts=(percent_off("10"),)), "9.00"),
        (terms(prices=(price(),), discounts=(percent_off("10"),), tax=tax("0.19")), "10.71"),
        (terms(prices=(price(),), discounts=(percent_off("50", METER), percent_off("10"))), "4.50"),
        (terms(prices=(price(), STORAGE), discounts=(percent_off("50", "storage_gb"),)), "10.00"),
        (terms(prices=(price(),), discounts=(percent_off("10"),), fixed_discounts=(credit_of(500),)), "9.00"),
        (terms(prices=(price(),), minimum_minor=5_500), "5.00"),
        (terms(prices=(price(),), minimum_minor=6_500), "0.00"),
        (terms(fee(2_000), prices=(price(),), minimum_minor=7_500, tax=tax("0.19")), "5.95"),
        (terms(fee(2_000, advance=True), prices=(price(),), minimum_minor=7_500), "5.00"),
        (terms(fee(2_000), prices=(price(),), minimum_minor=7_000), "10.00"),
    ],
)
def test_a_thousand_calls_billed_twice_are_worth_what_they_added_to_the_total(agreed: Terms, credit: str) -> None:
    outcome = credited(agreed, used=5_000, excess=1_000)

    assert outcome.credit == outcome.overbilled == outcome.findings[0].amount == usd(credit)
    assert sum(line.credit_minor for line in outcome.lines) == outcome.credit.minor
    assert outcome.conclusive


def test_discount_and_tax_are_restated_beside_the_line() -> None:
    agreed = terms(prices=(price(),), discounts=(percent_off("10"),), tax=tax("0.19"))

    outcome = credited(agreed, used=5_000, excess=1_000)

    assert [(line.line_number, line.meter, line.billed_minor, line.correct_minor) for line in outcome.lines] == [
        (1, METER, 6_000, 5_000),
        (2, None, -600, -500),
        (3, None, 1_026, 855),
    ]
    assert outcome.explanation == (
        "api_calls: billed 6,000 → USD 60.00; correct 5,000 → USD 50.00.",
        "Discount: billed USD -6.00; with the corrected charges USD -5.00.",
        "VAT: billed USD 10.26; with the corrected charges USD 8.55.",
        "Overbilled in all: USD 10.71; to credit: USD 10.71.",
    )


def test_a_credit_that_exceeds_what_is_left_is_given_back_by_its_rest() -> None:
    agreed = terms(prices=(price(),), fixed_discounts=(credit_of(5_500),))

    outcome = credited(agreed, used=5_000, excess=1_000)

    assert [(line.billed_minor, line.correct_minor) for line in outcome.lines] == [(6_000, 5_000), (-5_500, -5_000)]
    assert outcome.credit == usd("5.00")


def test_a_true_up_grows_by_what_its_usage_loses() -> None:
    outcome = credited(terms(prices=(price(),), minimum_minor=10_000), used=5_000, excess=1_000)

    assert [(line.billed_minor, line.correct_minor) for line in outcome.lines] == [(6_000, 5_000), (4_000, 5_000)]
    assert outcome.credit == NOTHING


def test_of_two_true_ups_only_one_grows() -> None:
    contract = held(terms(prices=(price(),), minimum_minor=10_000))
    once = issued(billed(contract, used={METER: 6_000}))
    second = once.lines[-1].model_copy(update={"number": 3, "amount_minor": 100})
    invoice = Invoice.model_validate(
        once.model_dump() | {"lines": (*once.lines, second), "total_minor": once.total_minor + 100}
    )

    outcome = assessed(contract, invoice, twice(1_000))

    assert [(line.line_number, line.credit_minor) for line in outcome.lines] == [(1, 1_000), (2, -1_000)]


def test_what_an_earlier_minimum_has_paid_is_no_true_up_of_this_period() -> None:
    contract = held(terms(prices=(price(),), minimum_minor=10_000))
    october = TruedUp("2026-10", service_days("2026-10"), 300)
    late = late_usage(500, 0, price(), meter="storage_gb")
    invoice = issued(billed(contract, used={METER: 6_000}, late=[late], trued_up=[october]))

    outcome = assessed(contract, invoice, twice(1_000))

    assert [line.amount_minor for line in invoice.lines] == [6_000, 500, -300, 4_000]
    assert [(line.line_number, line.credit_minor) for line in outcome.lines] == [(1, 1_000), (4, -1_000)]


def test_a_minimum_that_is_no_longer_reached_gets_a_line_of_its_own() -> None:
    outcome = credited(terms(prices=(price(),), minimum_minor=5_500), used=5_000, excess=1_000)

    added = outcome.lines[-1]
    assert (added.line_number, added.billed_minor, added.correct_minor) == (2, 0, 500)
    assert "Minimum commitment: billed USD 0.00; with the corrected charges USD 5.00." in outcome.explanation


def test_a_line_of_part_of_a_period_is_rated_again_with_its_part_of_the_allowance() -> None:
    contract = held(terms(prices=(price(included="1000"),)), "2026-11-16")
    invoice = issued(billed(contract, used={METER: 800}))

    outcome = assessed(contract, invoice, twice(200))

    assert (invoice.total, outcome.credit) == (usd("3.00"), usd("2.00"))
    assert outcome.conclusive


def test_what_was_found_of_a_meter_at_two_prices_is_for_a_person_to_divide() -> None:
    upgraded = [
        held(terms(prices=(price(),)), ends="2026-11-16"),
        held(terms(prices=(price(tier(None, "2")),)), "2026-11-16", contract_id="K-2"),
    ]
    invoice = issued(billed(upgraded, used=[{METER: 500}, {METER: 500}]))

    outcome = assessed(upgraded[0], invoice, twice(100))

    assert not outcome.conclusive
    assert (
        "api_calls is billed on 2 lines at different prices, and what was found may belong to any of them."
        in outcome.explanation
    )


def test_a_tax_that_the_charges_do_not_explain_is_for_a_person_to_judge() -> None:
    contract = held(terms(prices=(price(),), tax=tax("0.19")))
    right = issued(billed(contract, used={METER: 1_000}))
    odd = right.lines[-1].model_copy(update={"amount_minor": 200})
    invoice = right.model_copy(update={"lines": (right.lines[0], odd), "total_minor": 1_200})

    outcome = assessed(contract, invoice, twice(100))

    assert outcome.credit == usd("1.19")
    assert not outcome.conclusive
    assert "VAT: the USD 2.00 billed differ by USD 0.10 from what the charges make of it." in outcome.explanation


def test_an_adjustment_that_was_decided_is_neither_discounted_nor_taxed_again() -> None:
    contract = held(terms(prices=(price(),), tax=tax("0.19")))
    right = issued(billed(contract, used={METER: 1_000}))
    decided = right.lines[0].model_copy(
        update={
            "number": 3,
            "meter": None,
            "kind": LineKind.ADJUSTMENT,
            "amount_minor": -150,
            "applied_price": None,
            "service_start": None,
        }
    )
    invoice = Invoice.model_validate(
        right.model_dump() | {"lines": (*right.lines, decided), "total_minor": right.total_minor - 150}
    )

    outcome = assessed(contract, invoice, twice(100))

    assert (outcome.credit, outcome.conclusive) == (usd("1.19"), True)


@st.composite
def agreements(draw: st.DrawFn) -> Terms:
    """Terms with everything a bill can have."""
    metered: MeterPrice = draw(any_prices())
    return terms(
        *draw(st.sampled_from([(), (fee(1_000),), (fee(999), fee(12_345, "Support"))])),
        prices=(metered, STORAGE),
        discounts=draw(
            st.sampled_from(
                [
                    (),
                    (percent_off("12.5"),),
                    (percent_off("30", METER),),
                    (percent_off("33.3333", METER), percent_off("5")),
                ]
            )
        ),
        fixed_discounts=draw(st.sampled_from([(), (credit_of(700),), (credit_of(700), credit_of(99_999, "Trial"))])),
        minimum_minor=draw(st.none() | st.integers(min_value=0, max_value=200_000)),
        tax=draw(st.sampled_from([None, tax("0.19"), tax("0"), tax("0.0775")])),
    )


def charged(bill: Bill) -> int:
    """What the disputed meter's usage came to."""
    return sum(line.amount_minor for line in bill.lines if line.meter == METER)


@given(
    agreements(),
    st.integers(min_value=0, max_value=200_000),
    st.integers(min_value=1, max_value=200_000),
    st.integers(min_value=0, max_value=500),
)
def test_credit_and_invoice_make_the_amount_that_the_true_usage_costs(
    agreed: Terms, used: int, excess: int, stored: int
) -> None:
    contract = held(agreed)
    wrong = billed(contract, used={METER: used + excess, "storage_gb": stored})
    right = billed(contract, used={METER: used, "storage_gb": stored})

    outcome = assessed(contract, issued(wrong), twice(excess))

    # At a volume price less usage may cost more; what was billed too little on a line is not billed after all.
    volume_rose = charged(right) > charged(wrong)
    assert volume_rose or wrong.total_minor - outcome.overbilled.minor == right.total_minor
    assert outcome.credit.minor == max(0, outcome.overbilled.minor)
    assert outcome.overbilled.minor == sum(line.credit_minor for line in outcome.lines)
    assert outcome.conclusive
