"""An invoice explains itself line by line: agreement, quantity, days and bases, so that a pocket calculator can follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.contracts import Contract
from billing.explanations import Background, ExplainedLine, Explanation, UsageDay, explain
from billing.invoices import LineKind
from billing.late_usage import TruedUp
from billing.money import Money
from billing.periods import service_days
from billing.segments import segments
from tests.billing.agreements import BERLIN, billed, credit_of, fee, held, issued, late_usage, percent_off, tax, terms
from tests.billing.world import METER, price, tier

NOVEMBER = service_days("2026-11")


def days_of(*counts: tuple[int, int], meter: str = METER) -> list[UsageDay]:
    """Days of November with their units; two events each."""
    return [UsageDay(meter=meter, day=date(2026, 11, day), quantity=Decimal(many), events=2) for day, many in counts]


def explained(
    contracts: Contract | Sequence[Contract],
    used: Mapping[str, int] | Sequence[Mapping[str, int]] = (),
    *,
    usage: Sequence[UsageDay] = (),
    advance_billed: Mapping[str, int] | None = None,
    billed_before: Mapping[tuple[str, date], Decimal] | None = None,
    **more: Any,
) -> Explanation:
    """The explanation of the bill for November, with everything that is known of it."""
    agreed = [contracts] if isinstance(contracts, Contract) else contracts
    invoice = issued(billed(agreed, used=used, advance_billed=advance_billed, **more))
    return explain(
        invoice,
        Background(
            covered=segments(agreed, NOVEMBER, BERLIN),
            usage=usage,
            advance_billed=advance_billed or {},
            billed_before=billed_before or {},
        ),
    )


def only(explanation: Explanation, place: int = -1) -> ExplainedLine:
    return explanation.lines[place]


def test_a_whole_fee_says_what_was_agreed() -> None:
    assert only(explained(held(terms(fee(10_000))))).sentences == ("Platform costs USD 100.00 a service period.",)


def test_a_prorated_fee_says_its_days() -> None:
    line = only(explained(held(terms(fee(100_000)), "2026-11-16")))

    assert line.sentences == ("Platform costs USD 1000.00 a service period; 15 of the 30 days come to USD 500.00.",)


def test_a_fee_in_advance_says_for_which_days_it_is() -> None:
    line = only(explained(held(terms(fee(10_000, advance=True))), advance_billed={"Platform": 10_000}))

    assert line.sentences == (
        "Platform costs USD 100.00 a service period.",
        "It is charged in advance, for 1 December 2026 to 31 December 2026.",
    )


def test_usage_is_told_from_its_days_to_its_charge() -> None:
    metered = price(tier("100", "20"), tier(None, "10"), included="1000")

    line = only(explained(held(terms(prices=(metered,))), {METER: 1_150}, usage=days_of((3, 150), (1, 1_000))))

    assert line.sentences == (
        "1,000 of 1,150 units of api_calls are included; 150 are billable.",
        "100 units at USD 0.2 make USD 20.",
        "50 units at USD 0.1 make USD 5.",
        "The charge for 1,150 units of api_calls is USD 25.00.",
        "2 days with usage, 1 November 2026 to 3 November 2026, count 1,150 units in 4 events.",
    )
    assert [one.day.day for one in line.usage] == [1, 3]


def test_days_that_no_longer_make_the_billed_quantity_are_told() -> None:
    line = only(explained(held(terms(prices=(price(),))), {METER: 1_000}, usage=days_of((1, 990))))

    assert line.sentences[-1] == "That is 10 units less than the line bills."


def test_each_price_of_a_period_is_told_with_its_own_days() -> None:
    changed = [
        held(terms(prices=(price(included="1000"),)), ends="2026-11-16"),
        held(terms(prices=(price(tier(None, "2")),)), "2026-11-16", contract_id="K-2"),
    ]

    before, after = explained(changed, [{METER: 500}, {METER: 40}], usage=days_of((1, 500), (20, 40))).lines

    assert [one.day.day for one in before.usage] == [1]
    assert before.sentences[:2] == (
        "It was agreed for 15 of the 30 days of the period, and so is its allowance.",
        "500 units of api_calls are within the 500 included.",
    )
    assert after.sentences[-1] == "1 day with usage, 20 November 2026, count 40 units in 2 events."


def test_late_usage_is_told_as_the_difference_it_makes() -> None:
    metered = price(tier(None, "2"), included="1000")
    october = {(METER, date(2026, 10, 1)): Decimal(950)}

    line = only(explained(held(terms()), late=[late_usage(200, 950, metered)], billed_before=october))

    assert line.sentences == (
        "200 units of 1 October 2026 to 31 October 2026 arrived after that period was closed.",
        "With them that period counts 1,150 units instead of 950: USD 3.00 instead of USD 0.00.",
    )


def test_what_an_earlier_minimum_has_paid_already_is_told() -> None:
    october = TruedUp("2026-10", service_days("2026-10"), 300)

    line = only(explained(held(terms()), late=[late_usage(500, 0, price())], trued_up=[october]))

    assert line.amount == Money(minor=-300, currency="USD")
    assert line.sentences == (
        "The minimum of 1 October 2026 to 31 October 2026 was billed in full; USD 3.00 of what late usage adds to that "
        "period were paid with it.",
    )


def test_a_minimum_is_told_for_its_days() -> None:
    agreed = terms(prices=(price(),), minimum_minor=10_000)

    line = only(explained(held(agreed, "2026-11-16"), {METER: 4_000}))

    assert line.sentences == (
        "At least USD 100.00 was agreed for a service period; 15 of 30 days come to USD 50.00.",
        "The charges of the period are USD 10.00 below the agreed minimum.",
    )


def test_an_adjustment_says_what_was_billed_before_and_what_is_right() -> None:
    left = held(terms(fee(10_000, advance=True)), ends="2026-11-16")

    line = only(explained(left, advance_billed={"Platform": 10_000}))

    assert line.sentences == (
        "Platform was billed in advance with USD 100.00; the days of this period come to USD 50.00.",
    )


def test_discounts_and_tax_say_what_they_are_shares_of() -> None:
    agreed = terms(
        fee(100_000),
        prices=(price(),),
        discounts=(percent_off("50", METER), percent_off("10", name="Loyalty")),
        fixed_discounts=(credit_of(5_000),),
        tax=tax("0.19"),
    )

    explanation = explained(held(agreed), {METER: 20_000})

    assert [line.sentences for line in explanation.lines[2:]] == [
        ("50 % of the USD 200.00 charged for api_calls are USD 100.00.",),
        ("10 % of the USD 1100.00 that are left of the charges are USD 110.00.",),
        ("USD 50.00 is taken off the USD 990.00 that are left after percentages.",),
        ("19 % of the USD 940.00 that are left after discounts are USD 178.60.",),
    ]
    assert explanation.sums == (
        "Charges of USD 1200.00, discounts of USD -260.00 and tax of USD 178.60 make the total of USD 1118.60.",
    )


def test_credits_from_before_lower_what_is_due_and_not_the_total() -> None:
    """Correctness case 38: 50 + 20 - 10, 10 % tax, credits of 20 and 30: 16.00 are due (B4)."""
    agreed = terms(fee(5_000), fee(2_000, "Support"), fixed_discounts=(credit_of(1_000),), tax=tax("0.1"))
    invoice = issued(billed(held(agreed))).model_copy(update={"applied_credit_minor": 5_000})

    explanation = explain(invoice)

    assert (invoice.total_minor, invoice.due_minor) == (6_600, 1_600)
    assert explanation.sums[-1] == (
        "Credits from before take USD 50.00 off what is due, which leaves USD 16.00; the total stays."
    )


def test_an_invoice_alone_explains_what_it_can() -> None:
    agreed = terms(
        fee(100_000),
        fee(3_000, "Support", advance=True),
        prices=(price(),),
        minimum_minor=200_000,
        discounts=(percent_off("10"),),
        tax=tax("0.19"),
    )
    made = billed(held(agreed, "2026-11-16"), used={METER: 100}, late=[late_usage(5, 0, price())])

    explanation = explain(issued(made))

    assert {line.description: line.sentences[-1] for line in explanation.lines} == {
        "Platform": "15 of the 30 days come to USD 500.00.",
        "Support": "It is charged in advance, for 1 December 2026 to 31 December 2026.",
        METER: "The charge for 100 units of api_calls is USD 1.00.",
        "api_calls of 2026-10, reported late": (
            "They are billed as what they add to the charge of that period: USD 0.05."
        ),
        "Minimum commitment": "The charges of the period are USD 484.00 below the agreed minimum.",
        "Discount": "10 % of the USD 1030.05 that are left of the charges are USD 103.01.",
        "VAT": "19 % of the USD 927.04 that are left after discounts are USD 176.14.",
    }


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"kind": LineKind.ADJUSTMENT, "service_start": None},
            "It was decided as it stands: neither discounts nor tax are on it.",
        ),
        (
            {"kind": LineKind.ADJUSTMENT},
            "Platform was billed in advance, and the days of this period come to a different amount.",
        ),
        ({"kind": LineKind.USAGE, "meter": METER}, "It bills 1 unit; the price is not on record."),
        (
            {"kind": LineKind.LATE_USAGE, "service_start": None},
            "1 unit of an earlier period arrived after that period was closed.",
        ),
        ({"kind": LineKind.TAX}, "USD 100.00 of tax."),
        (
            {"kind": LineKind.USAGE, "meter": METER, "applied_price": price()},
            "The line bills USD 100.00, which is not what its price comes to.",
        ),
        ({"active_days": None, "period_days": None}, "USD 100.00 for the whole service period."),
    ],
)
def test_a_line_of_which_little_is_known_is_not_guessed_at(changes: dict[str, Any], sentence: str) -> None:
    whole = issued(billed(held(terms(fee(10_000)))))
    invoice = whole.model_copy(update={"lines": (whole.lines[0].model_copy(update=changes),)})

    assert sentence in only(explain(invoice)).sentences
