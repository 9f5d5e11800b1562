from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from billing.disputes import Resolution
from billing.findings import Assessment, Finding, FindingKind
from billing.invoices import Invoice
from billing.money import CurrencyMismatchError, Money
from billing.prices import MeterPrice
from billing.rerating import assess
from tests.billing.world import METER, contract, fee_line, invoice, price, tier, usage_line, usd

# The first thousand units are free, the next hundred thousand cost 0.02 cents, everything beyond 0.01 cents.
GRADUATED = price(tier("100000", "0.02"), tier(None, "0.01"), included="1000")
NOTHING = usd("0.00")


def finding(
    kind: FindingKind = FindingKind.DUPLICATE_EVENTS, excess: str | Decimal = "0", meter: str = METER, **more: Any
) -> Finding:
    return Finding(kind=kind, meter=meter, statement="Told.", excess_quantity=Decimal(excess), **more)


def assessed(
    findings: Sequence[Finding],
    billed: Invoice,
    already_credited: Money = NOTHING,
    disputed: Money = NOTHING,
    prices: Sequence[MeterPrice] = (GRADUATED,),
) -> Assessment:
    return assess(findings, billed, contract(*prices), already_credited=already_credited, disputed=disputed)


def amounts(assessment: Assessment) -> list[str]:
    return [str(finding.amount) for finding in assessment.findings]


def test_without_findings_the_bill_stands() -> None:
    outcome = assessed([], invoice(usage_line(GRADUATED, "150000")), disputed=usd("20.00"))

    assert (outcome.overbilled, outcome.credit, outcome.lines) == (NOTHING, NOTHING, ())
    assert outcome.resolution is Resolution.BILLING_CORRECT
    assert outcome.conclusive
    assert outcome.explanation == ("Overbilled in all: USD 0.00; to credit: USD 0.00.",)


def test_excess_is_valued_by_rating_the_line_again_and_not_at_the_marginal_price() -> None:
    billed = invoice(usage_line(GRADUATED, "151000"), fee_line(1_000))

    outcome = assessed([finding(excess="100000")], billed, disputed=usd("15.00"))

    assert outcome.credit == usd("15.00")  # at the margin, 0.01 cents a unit, it would be 10.00
    assert outcome.resolution is Resolution.CUSTOMER_CORRECT
    assert outcome.explanation == (
        "api_calls: billed 151,000 → USD 25.00; correct 51,000 → USD 10.00.",
        "Overbilled in all: USD 15.00; to credit: USD 15.00.",
    )
    line = outcome.lines[0]
    assert (line.line_number, line.correct_quantity, line.correct_minor, line.credit_minor) == (
        1,
        Decimal(51_000),
        1_000,
        1_500,
    )


def test_each_finding_is_worth_what_it_takes_off_after_those_before_it() -> None:
    billed = invoice(usage_line(GRADUATED, "151000"))
    dearer = price(tier("100000", "0.01"), tier(None, "0.01"), included="1000")

    outcome = assessed(
        [
            finding(excess="50000"),
            finding(FindingKind.MISDATED_EVENTS, "50000"),
            finding(FindingKind.WRONG_RATE, correct_price=dearer),
        ],
        billed,
    )

    assert amounts(outcome) == ["USD 5.00", "USD 10.00", "USD 5.00"]
    assert outcome.overbilled == usd("20.00")
    assert outcome.lines[0].correct_price == dearer


def test_duplicates_below_the_allowance_are_told_and_worth_nothing() -> None:
    billed = invoice(usage_line(GRADUATED, "900"), fee_line(1_000))

    outcome = assessed([finding(excess="100")], billed, disputed=usd("5.00"))

    assert amounts(outcome) == ["USD 0.00"]
    assert outcome.resolution is Resolution.BILLING_CORRECT
    assert outcome.conclusive
    assert outcome.explanation[0] == "api_calls: billed 900 → USD 0.00; correct 800 → USD 0.00."


def test_usage_that_was_never_counted_does_not_shrink_a_credit() -> None:
    billed = invoice(usage_line(GRADUATED, "151000"))

    outcome = assessed([finding(FindingKind.MISSING_EVENTS, "-40000"), finding(excess="50000")], billed)

    assert amounts(outcome) == ["USD 0.00", "USD 5.00"]
    assert outcome.credit == usd("5.00")


def test_an_undercharge_uses_up_the_overcharges_of_its_line() -> None:
    billed = invoice(usage_line(GRADUATED, "151000"))

    outcome = assessed([finding(excess="50000"), finding(FindingKind.MISDATED_EVENTS, "-20000")], billed)

    assert amounts(outcome) == ["USD 5.00", "USD -2.00"]
    assert outcome.credit == usd("3.00")


def test_what_was_billed_too_little_is_told_and_never_billed_back() -> None:
    billed = invoice(usage_line(GRADUATED, "51000"))

    outcome = assessed([finding(FindingKind.MISDATED_EVENTS, "-50000")], billed, disputed=usd("1.00"))

    assert amounts(outcome) == ["USD 0.00"]
    assert outcome.resolution is Resolution.BILLING_CORRECT
    assert (outcome.lines[0].correct_quantity, outcome.lines[0].correct_minor) == (Decimal(51_000), 1_000)
    assert outcome.explanation[:2] == (
        "api_calls: billed 51,000 → USD 10.00; correct 101,000 → USD 20.00.",
        "api_calls: what was billed too little is not billed afterwards.",
    )


def test_one_meters_undercharge_does_not_touch_another_meters_credit() -> None:
    storage = price(tier(None, "100"), meter="storage_gb")
    billed = invoice(usage_line(GRADUATED, "51000", number=1), usage_line(storage, "50", number=2))
    too_little = finding(FindingKind.BILLED_QUANTITY_MISMATCH, "-50000")

    outcome = assessed([too_little, finding(excess="10", meter="storage_gb")], billed, prices=[GRADUATED, storage])

    assert outcome.credit == usd("10.00")


def test_a_quality_breach_gives_back_its_share_of_the_corrected_charge() -> None:
    billed = invoice(usage_line(price(), "12345"))

    outcome = assessed(
        [finding(excess="5"), finding(FindingKind.QUALITY_BREACH, share_of_charge=Decimal("0.25"))], billed
    )

    assert amounts(outcome) == ["USD 0.05", "USD 30.85"]
    assert outcome.explanation[0] == (
        "api_calls: billed 12,345 → USD 123.45; correct 12,340 → USD 92.55, 25 % of the charge given back."
    )


def test_a_wrong_rate_is_corrected_over_the_whole_period() -> None:
    agreed, applied = price(tier(None, "0.8")), price(tier(None, "1"))
    wrong_rate = finding(FindingKind.WRONG_RATE, correct_price=agreed)

    outcome = assessed([wrong_rate], invoice(usage_line(applied, "10000")), disputed=usd("20.00"), prices=[agreed])

    assert outcome.credit == usd("20.00")
    assert outcome.lines[0].correct_price == agreed


def test_a_contract_price_above_the_applied_one_costs_the_customer_nothing() -> None:
    wrong_rate = finding(FindingKind.WRONG_RATE, correct_price=price(tier(None, "2")))

    outcome = assessed([wrong_rate], invoice(usage_line(price(), "10000")))

    assert amounts(outcome) == ["USD 0.00"]
    assert outcome.lines[0].correct_price is None


def test_a_line_billed_beyond_its_own_price_is_brought_back_to_it() -> None:
    miscalculated = usage_line(price(), "10000", amount_minor=10_500)

    outcome = assessed([finding(FindingKind.WRONG_RATE, correct_price=price())], invoice(miscalculated))

    assert outcome.credit == usd("5.00")


@pytest.mark.parametrize(
    ("disputed", "resolution"),
    [
        ("0.00", Resolution.CUSTOMER_CORRECT),
        ("4.99", Resolution.CUSTOMER_CORRECT),
        ("5.00", Resolution.CUSTOMER_CORRECT),
        ("5.01", Resolution.PARTIAL),
    ],
)
def test_the_customer_is_right_when_the_credit_covers_what_is_contested(disputed: str, resolution: Resolution) -> None:
    outcome = assessed([finding(excess="500")], invoice(usage_line(price(), "1000")), disputed=usd(disputed))

    assert outcome.credit == usd("5.00")
    assert outcome.resolution is resolution


@pytest.mark.parametrize(
    ("already", "credit"), [("0.00", "5.00"), ("2.00", "3.00"), ("5.00", "0.00"), ("7.00", "0.00")]
)
def test_what_was_given_back_already_is_not_given_twice(already: str, credit: str) -> None:
    outcome = assessed([finding(excess="500")], invoice(usage_line(price(), "1000")), already_credited=usd(already))

    assert outcome.credit == usd(credit)
    assert outcome.overbilled == usd("5.00")


def test_credits_together_never_exceed_the_invoice() -> None:
    discounted = invoice(usage_line(price(), "1000"), fee_line(-700))

    outcome = assessed([finding(excess="1000")], discounted, already_credited=usd("1.00"))

    assert outcome.overbilled == usd("10.00")
    assert outcome.credit == usd("2.00")


def test_one_doubtful_finding_makes_the_assessment_a_persons_business() -> None:
    doubtful = finding(FindingKind.ROLLUP_MISMATCH, "100", conclusive=False)

    outcome = assessed([finding(excess="100"), doubtful], invoice(usage_line(price(), "1000")))

    assert not outcome.conclusive
    assert outcome.credit == usd("2.00")


def test_findings_that_remove_more_than_was_billed_contradict_the_bill() -> None:
    outcome = assessed([finding(excess="800"), finding(excess="800")], invoice(usage_line(price(), "1000")))

    assert amounts(outcome) == ["USD 8.00", "USD 2.00"]
    assert not outcome.conclusive
    assert "api_calls: the findings remove 1,600, more than the 1,000 that were billed." in outcome.explanation


def test_a_line_without_any_price_cannot_be_rated_again() -> None:
    unpriced = usage_line(price(), "1000").model_copy(update={"applied_price": None})

    outcome = assessed([finding(excess="100")], invoice(unpriced), prices=[price(meter="storage_gb")])

    assert outcome.credit == NOTHING
    assert not outcome.conclusive
    assert "neither the invoice nor the contract holds a price" in outcome.explanation[1]


def test_a_quality_credit_needs_no_price() -> None:
    unpriced = usage_line(price(), "1000").model_copy(update={"applied_price": None})
    breach = finding(FindingKind.QUALITY_BREACH, share_of_charge=Decimal("0.10"))

    outcome = assessed([breach], invoice(unpriced), prices=[price(meter="storage_gb")])

    assert outcome.credit == usd("1.00")
    assert outcome.conclusive


def test_excess_on_a_line_that_its_own_price_does_not_explain_needs_a_person() -> None:
    miscalculated = usage_line(price(), "1000", amount_minor=1_100)

    outcome = assessed([finding(excess="100")], invoice(miscalculated))

    assert outcome.credit == usd("1.00")
    assert not outcome.conclusive
    assert "api_calls: the USD 11.00 billed differ by USD 1.00 from the price on the line." in outcome.explanation


def test_a_finding_about_a_meter_that_was_never_billed_is_worth_nothing() -> None:
    outcome = assessed([finding(excess="100", meter="storage_gb")], invoice(usage_line(price(), "1000")))

    assert amounts(outcome) == ["USD 0.00"]
    assert outcome.lines == ()


def test_a_line_in_yen_is_corrected_in_whole_yen() -> None:
    billed = invoice(usage_line(price(tier(None, "0.333")), "1000"), currency="JPY")
    yen = Money(minor=0, currency="JPY")
    found = [finding(excess="100")]

    outcome = assess(found, billed, contract(currency="JPY"), already_credited=yen, disputed=yen)

    assert outcome.credit == Money(minor=33, currency="JPY")


@pytest.mark.parametrize("stranger", ["contract", "already_credited", "disputed"])
def test_currencies_never_mix(stranger: str) -> None:
    def in_currency(role: str) -> str:
        return "EUR" if role == stranger else "USD"

    with pytest.raises(CurrencyMismatchError):
        assess(
            [],
            invoice(usage_line(price(), "1000")),
            contract(currency=in_currency("contract")),
            already_credited=Money.zero(in_currency("already_credited")),
            disputed=Money.zero(in_currency("disputed")),
        )


@pytest.mark.parametrize(("shared", "systematic"), [([False, False], False), ([False, True], True), ([], False)])
def test_one_systematic_cause_makes_the_whole_assessment_systematic(shared: list[bool], systematic: bool) -> None:
    found = [finding(excess="1", systematic=touches_others) for touches_others in shared]

    assert assessed(found, invoice(usage_line(price(), "1000"))).systematic is systematic
