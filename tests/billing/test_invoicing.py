"""The bill of a period, line by line: fees, usage, minimums, discounts, tax, and what was billed in advance."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billing.invoices import LineKind
from billing.invoicing import UnbillableError, bill
from billing.periods import service_days
from tests.billing.agreements import (
    amounts,
    billed,
    credit_of,
    fee,
    held,
    issued,
    late_usage,
    percent_off,
    tax,
    terms,
    whole,
)
from tests.billing.world import METER, price, tier

FEE, ADVANCE, USAGE, LATE = LineKind.FEE, LineKind.FEE_IN_ADVANCE, LineKind.USAGE, LineKind.LATE_USAGE
MINIMUM, ADJUSTMENT = LineKind.MINIMUM, LineKind.ADJUSTMENT
DISCOUNT, FIXED, TAX = LineKind.DISCOUNT, LineKind.FIXED_DISCOUNT, LineKind.TAX


def test_a_bill_lists_charges_then_discounts_then_tax_and_sums_to_its_total() -> None:
    agreed = terms(
        fee(10_000),
        prices=(price(),),
        minimum_minor=20_000,
        discounts=(percent_off("10"),),
        fixed_discounts=(credit_of(1_000),),
        tax=tax("0.19"),
    )

    made = billed(held(agreed), used={METER: 5_000}, late=[late_usage(100, 0, price())])

    assert amounts(made) == [
        (FEE, 10_000),
        (USAGE, 5_000),
        (LATE, 100),
        (MINIMUM, 5_000),
        (DISCOUNT, -2_010),
        (FIXED, -1_000),
        (TAX, 3_247),  # 19 % of 170.90 are 32.471
    ]
    assert (made.subtotal_minor, made.discount_minor, made.tax_minor) == (20_100, -3_010, 3_247)
    assert made.total_minor == sum(line.amount_minor for line in made.lines) == 20_337


# -- fees (B1) ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts", "ends", "minor", "charge"),
    [
        ("2026-11-16", None, 100_000, 50_000),  # B1
        ("2020-01-01", "2026-11-16", 100_000, 50_000),
        ("2026-11-10", None, 24_995, 17_497),  # case 9: 249.95 for 21 of 30 days
        ("2020-01-01", None, 24_995, 24_995),
        ("2026-11-30", None, 3_000, 100),
    ],
)
def test_a_fee_is_due_for_the_days_of_the_contract(starts: str, ends: str | None, minor: int, charge: int) -> None:
    made = billed(held(terms(fee(minor)), starts, ends))

    assert amounts(made) == [(FEE, charge)]
    assert made.lines[0].period_days == 30


@pytest.mark.parametrize(("currency", "major"), [("USD", "5.00"), ("EUR", "5.00"), ("JPY", "500"), ("KWD", "0.500")])
def test_a_fee_of_five_hundred_minor_units_is_what_the_currency_makes_of_it(currency: str, major: str) -> None:
    """Correctness case 34: 500 yen are 500 yen, and half of them 250."""
    whole, half = (
        issued(billed(held(terms(fee(500), currency=currency), starts))) for starts in ("2020-01-01", "2026-11-16")
    )

    assert str(whole.total) == f"{currency} {major}"
    assert half.total_minor == 250


def test_a_fee_of_a_leap_february_is_shared_by_its_twenty_nine_days() -> None:
    """Correctness case 4: 14 of 29 days."""
    made = billed(held(terms(fee(100_000)), "2011-01-01", "2012-02-15"), "2012-02")

    assert amounts(made) == [(FEE, 48_276)]


def test_a_fee_until_the_first_anchor_day_is_shared_by_the_days_of_that_period() -> None:
    """Correctness case 1: 12 days of the 31 from 13 January to 12 February."""
    made = billed(held(terms(fee(100_000)), "2011-02-01"), "2011-02", anchor_day=13)

    assert amounts(made) == [(FEE, 38_710)]


def test_an_upgrade_bills_each_plan_for_its_days() -> None:
    upgraded = [
        held(terms(fee(10_000, "Small")), ends="2026-11-11"),
        held(terms(fee(40_000, "Large")), "2026-11-11", contract_id="K-2"),
    ]

    made = billed(upgraded)

    assert [(line.description, line.amount_minor, line.active_days) for line in made.lines] == [
        ("Small", 3_333, 10),
        ("Large", 26_667, 20),
    ]


def test_a_fee_that_two_plans_share_stays_one_line() -> None:
    support = fee(3_100, "Support")
    upgraded = [
        held(terms(support, fee(10_000, "Small")), ends="2026-11-11"),
        held(terms(support, fee(40_000, "Large")), "2026-11-11", contract_id="K-2"),
    ]

    made = billed(upgraded)

    assert {line.description: line.amount_minor for line in made.lines}["Support"] == 3_100


def test_no_fee_is_due_for_the_days_of_a_pause() -> None:
    """Correctness case 11: ten of 31 days at 249.95 are 80.63."""
    paused = held(terms(fee(24_995)), "2011-01-01", None, ("2011-07-10", "2011-07-20"))

    made = billed(paused, "2011-07", anchor_day=31)

    assert amounts(made) == [(FEE, 24_995 - 8_063)]


# -- fees in advance ----------------------------------------------------------------------------------------------


def test_the_first_bill_of_an_advance_fee_has_the_days_so_far_and_the_next_period() -> None:
    """Correctness case 7: 10.00 a month, anchor 15, from 1 September 2011: 14 of 31 days and a month are 14.52."""
    made = billed(held(terms(fee(1_000, advance=True)), "2011-09-01"), "2011-09", anchor_day=15)

    assert amounts(made) == [(FEE, 452), (ADVANCE, 1_000)]
    assert made.total_minor == 1_452


def test_a_cheaper_first_phase_is_followed_by_the_full_price() -> None:
    """Correctness case 8: 5.00 for 14 of 31 days and a month, then twice 10.00: 27.26."""
    phases = [
        held(terms(fee(500, advance=True)), "2011-09-01", "2011-10-15"),
        held(terms(fee(1_000, advance=True)), "2011-10-15", contract_id="K-2"),
    ]
    charged: dict[str, int] = {}
    total = 0

    for month in ("2011-09", "2011-10", "2011-11"):
        made = billed(phases, month, anchor_day=15, advance_billed=charged)
        charged = {line.description: line.amount_minor for line in made.lines if line.kind is ADVANCE}
        total += made.total_minor

    assert total == 226 + 500 + 1_000 + 1_000 == 2_726


def test_what_was_billed_in_advance_and_is_still_right_is_not_billed_again() -> None:
    made = billed(held(terms(fee(1_000, advance=True))), advance_billed={"Platform": 1_000})

    assert amounts(made) == [(ADVANCE, 1_000)]


def test_an_upgrade_bills_what_the_fee_in_advance_lacked() -> None:
    upgraded = [
        held(terms(fee(1_000, advance=True)), ends="2026-11-16"),
        held(terms(fee(2_000, advance=True)), "2026-11-16", contract_id="K-2"),
    ]

    made = billed(upgraded, advance_billed={"Platform": 1_000})

    assert amounts(made) == [(ADJUSTMENT, 500), (ADVANCE, 2_000)]


def test_a_pause_after_billing_in_advance_gives_its_days_back() -> None:
    """Correctness case 11: 80.63 of 249.95, taken from the next invoice."""
    paused = held(terms(fee(24_995, advance=True)), "2011-01-01", None, ("2011-07-10", "2011-07-20"))

    made = billed(paused, "2011-07", anchor_day=31, advance_billed={"Platform": 24_995})

    assert amounts(made) == [(ADJUSTMENT, -8_063), (ADVANCE, 24_995)]
    assert made.total_minor == 24_995 - 8_063


@pytest.mark.parametrize(
    ("minor", "given_back", "tax_back", "total"),
    [(20_000, -19_333, -4_833, -24_166), (16_000, -15_467, -3_867, -19_334)],
)
def test_who_leaves_after_a_day_gets_the_other_days_back_with_their_tax(
    minor: int, given_back: int, tax_back: int, total: int
) -> None:
    """Correctness cases 40 and 41: 200.00 and 25 %, left on day 1 of 30: 241.66; 160.00: 193.34."""
    left = held(terms(fee(minor, advance=True), tax=tax("0.25")), ends="2026-11-01T18:00")

    made = billed(left, advance_billed={"Platform": minor})

    assert amounts(made) == [(ADJUSTMENT, given_back), (TAX, tax_back)]
    assert made.total_minor == total


def test_a_fee_in_advance_is_billed_for_the_days_that_the_contract_still_has() -> None:
    leaving = held(terms(fee(3_100, advance=True)), ends="2026-12-11")

    made = billed(leaving, advance_billed={"Platform": 3_100})

    assert amounts(made) == [(ADVANCE, 1_000)]


def test_a_fee_that_became_due_afterwards_is_not_paid_twice() -> None:
    changed = held(terms(fee(1_000)))

    made = billed(changed, advance_billed={"Platform": 1_000})

    assert amounts(made) == [(FEE, 1_000), (ADJUSTMENT, -1_000)]


# -- usage --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gigabytes", "charge"), [(999, 0), (1_000, 0), (1_001, 5), (1_100, 500)])
def test_overage_is_billed_only_beyond_the_allowance(gigabytes: int, charge: int) -> None:
    storage = price(tier(None, "5"), included="1000", meter="storage_gb")

    made = billed(held(terms(prices=(storage,))), used={"storage_gb": gigabytes})

    assert amounts(made) == [(USAGE, charge)]


def test_each_stretch_has_its_own_part_of_the_allowance_and_its_own_tiers() -> None:
    small = price(tier("100", "2"), tier(None, "1"), included="1000")
    large = price(tier(None, "1"), included="3000")
    upgraded = [
        held(terms(prices=(small,)), ends="2026-11-16"),
        held(terms(prices=(large,)), "2026-11-16", contract_id="K-2"),
    ]

    made = billed(upgraded, used=[{METER: 650}, {METER: 1_600}])

    assert amounts(made) == [(USAGE, 100 * 2 + 50 * 1), (USAGE, 100)]
    assert [(line.active_days, line.period_days) for line in made.lines] == [(15, 30), (15, 30)]


def test_a_price_that_a_change_leaves_alone_rates_the_whole_period_together() -> None:
    same = price(tier("100", "2"), tier(None, "1"))
    upgraded = [
        held(terms(fee(1_000), prices=(same,)), ends="2026-11-16"),
        held(terms(fee(2_000), prices=(same,)), "2026-11-16", contract_id="K-2"),
    ]

    made = billed(upgraded, used=[{METER: 80}, {METER: 80}])

    assert (USAGE, 100 * 2 + 60 * 1) in amounts(made)


def test_a_meter_that_was_not_used_has_no_line_unless_a_minimum_is_agreed() -> None:
    least = price(meter="storage_gb").model_copy(update={"minimum_minor": 700})

    made = billed(held(terms(prices=(price(), least))))

    assert [(line.meter, line.amount_minor) for line in made.lines] == [("storage_gb", 700)]


def test_a_line_carries_the_name_of_the_meter_for_customers() -> None:
    made = bill(
        [whole(terms(prices=(price(),)))], service_days("2026-11"), [{METER: 10**6}], labels={METER: "API calls"}
    )

    assert made.lines[0].description == "API calls"


# -- late usage ---------------------------------------------------------------------------------------------------


def test_late_usage_costs_the_difference_it_makes_to_its_own_line() -> None:
    metered = price(tier("100", "2"), tier(None, "1"), included="1000")

    made = billed(held(terms(fee(1_000))), late=[late_usage(200, 950, metered)])

    assert amounts(made) == [(FEE, 1_000), (LATE, 100 * 2 + 50 * 1)]
    assert (made.lines[1].price, made.lines[1].quantity) == (metered, 200_000_000)
    assert made.lines[1].description == "api_calls of 2026-10, reported late"


def test_late_usage_of_a_part_of_a_period_meets_that_parts_allowance() -> None:
    metered = price(tier(None, "2"), included="1000")

    made = billed(held(terms()), late=[late_usage(100, 450, metered, active_days=15, period_days=31)])

    assert amounts(made) == [(LATE, 132)]  # 15 of 31 days include 483.870968 units


def test_late_usage_within_the_allowance_is_shown_and_free() -> None:
    made = billed(held(terms()), late=[late_usage(50, 100, price(included="1000"))])

    assert amounts(made) == [(LATE, 0)]


# -- the minimum of a contract --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("used", "missing"), [(0, 10_000), (9_999, 1), (10_000, None), (10_001, None)])
def test_a_minimum_bills_what_is_missing_to_it(used: int, missing: int | None) -> None:
    made = billed(held(terms(prices=(price(),), minimum_minor=10_000)), used={METER: used})

    assert [amount for kind, amount in amounts(made) if kind is MINIMUM] == ([] if missing is None else [missing])


def test_a_minimum_is_due_for_the_days_it_was_agreed_for() -> None:
    """Correctness case 35: 10.00 for 25 of 28 days, 8.00 used: 0.93 are missing; with 20 % tax 10.72."""
    agreed = terms(prices=(price(),), minimum_minor=1_000, tax=tax("0.2"))

    made = billed(held(agreed, ends="2026-02-26"), "2026-02", used={METER: 800})

    assert amounts(made) == [(USAGE, 800), (MINIMUM, 93), (TAX, 179)]
    assert made.total_minor == 1_072


def test_unused_days_of_a_fee_in_advance_are_given_back_with_their_tax() -> None:
    """Correctness case 35: three of 28 days of 50.00 and 20 % are 6.43; with the 10.72 above 4.29 are due."""
    left = held(terms(fee(5_000, advance=True), tax=tax("0.2")), ends="2026-02-26")

    made = billed(left, "2026-02", advance_billed={"Platform": 5_000})

    assert amounts(made) == [(ADJUSTMENT, -536), (TAX, -107)]
    assert 1_072 + made.total_minor == 429


def test_a_first_bill_of_twenty_four_days_is_their_part_of_the_fee() -> None:
    """Correctness case 35, its first bill: 60.00 for 24 of 31 days are 46.45."""
    made = billed(held(terms(fee(6_000)), "2026-01-08"), "2026-01")

    assert made.total_minor == 4_645


def test_a_fee_counts_towards_the_minimum_whenever_it_was_billed() -> None:
    agreed = terms(fee(8_000, advance=True), prices=(price(),), minimum_minor=10_000)

    first = billed(held(agreed, "2026-11-01"), used={METER: 500})
    second = billed(held(agreed, "2026-11-01"), "2026-12", used={METER: 500}, advance_billed={"Platform": 8_000})

    assert amounts(first) == [(FEE, 8_000), (ADVANCE, 8_000), (USAGE, 500), (MINIMUM, 1_500)]
    assert amounts(second) == [(ADVANCE, 8_000), (USAGE, 500), (MINIMUM, 1_500)]


def test_late_usage_does_not_count_towards_the_minimum_of_another_period() -> None:
    agreed = terms(prices=(price(),), minimum_minor=10_000)

    made = billed(held(agreed), used={METER: 4_000}, late=[late_usage(500, 0, price())])

    assert amounts(made) == [(USAGE, 4_000), (LATE, 500), (MINIMUM, 6_000)]


# -- discounts and tax (B3) ----------------------------------------------------------------------------------------


def test_percentages_are_taken_one_after_another_on_what_is_left() -> None:
    agreed = terms(fee(10_000), discounts=(percent_off("10", name="Loyalty"), percent_off("50", name="Trial")))

    made = billed(held(agreed))

    assert [(line.description, line.amount_minor, line.rate) for line in made.lines[1:]] == [
        ("Loyalty", -1_000, Decimal("0.1")),
        ("Trial", -4_500, Decimal("0.5")),
    ]


def test_a_discount_on_meters_leaves_the_rest_at_its_price() -> None:
    agreed = terms(
        fee(10_000),
        prices=(price(), price(meter="storage_gb")),
        discounts=(percent_off("50", "storage_gb"), percent_off("10")),
    )

    made = billed(held(agreed), used={METER: 1_000, "storage_gb": 4_000})

    assert [line.amount_minor for line in made.lines if line.kind is DISCOUNT] == [-2_000, -1_300]


@pytest.mark.parametrize(
    ("credit", "taken", "total"), [(9_000, -9_000, 1_000), (10_000, -10_000, 0), (20_000, -10_000, 0)]
)
def test_a_fixed_credit_never_brings_a_bill_below_zero(credit: int, taken: int, total: int) -> None:
    made = billed(held(terms(fee(10_000), fixed_discounts=(credit_of(credit),))))

    assert amounts(made)[1:] == [(FIXED, taken)]
    assert made.total_minor == total


def test_several_fixed_credits_share_what_is_left() -> None:
    agreed = terms(fee(10_000), fixed_discounts=(credit_of(7_000), credit_of(7_000), credit_of(1)))

    assert amounts(billed(held(agreed)))[1:] == [(FIXED, -7_000), (FIXED, -3_000)]


def test_nothing_is_discounted_where_money_is_given_back() -> None:
    agreed = terms(fee(10_000, advance=True), discounts=(percent_off("50"),), fixed_discounts=(credit_of(100),))

    made = billed(held(agreed, ends="2026-11-16"), advance_billed={"Platform": 10_000})

    assert amounts(made) == [(ADJUSTMENT, -5_000)]


@pytest.mark.parametrize(
    ("net", "rate", "taxed"),
    [(6_000, "0.1", 600), (893, "0.2", 179), (-9_719, "0.2", -1_944), (5, "0.1", 1), (-5, "0.1", -1)],
)
def test_tax_is_on_what_is_left_and_rounded_half_up_for_either_sign(net: int, rate: str, taxed: int) -> None:
    """Correctness case 26 among them: 20 % of -97.19 are -19.44."""
    before = {"Platform": 10_000 - net} if net < 10_000 else {}
    agreed = terms(fee(10_000, advance=True), tax=tax(rate))

    made = billed(held(agreed, ends="2026-12-01"), advance_billed=before)

    assert (made.subtotal_minor, made.tax_minor) == (net, taxed)


def test_a_rate_of_zero_is_stated_and_no_tax_is_not() -> None:
    assert amounts(billed(held(terms(fee(100), tax=tax("0", "Reverse charge")))))[1:] == [(TAX, 0)]
    assert amounts(billed(held(terms(fee(100))))) == [(FEE, 100)]


# -- what cannot be billed -----------------------------------------------------------------------------------------


def test_usage_without_a_price_is_refused_by_its_meter() -> None:
    with pytest.raises(UnbillableError, match="gpu_hours was used and no contract prices it"):
        billed(held(terms(prices=(price(),))), used={METER: 1, "gpu_hours": 1})


def test_usage_in_a_stretch_that_does_not_price_it_is_refused_although_another_does() -> None:
    upgraded = [held(terms(), ends="2026-11-16"), held(terms(prices=(price(),)), "2026-11-16", contract_id="K-2")]

    with pytest.raises(UnbillableError, match="api_calls was used and no contract prices it"):
        billed(upgraded, used=[{METER: 1}, {METER: 1}])


def test_a_meter_without_usage_needs_no_price() -> None:
    assert amounts(billed(held(terms(fee(100))), used={"gpu_hours": 0})) == [(FEE, 100)]


def test_a_period_without_a_contract_is_refused() -> None:
    with pytest.raises(UnbillableError, match="no contract covers the period"):
        billed(held(terms(), "2026-12-01"))


def test_what_was_billed_in_advance_for_a_period_without_a_contract_is_not_forgotten() -> None:
    with pytest.raises(
        UnbillableError, match="Platform was billed in advance for a period that no contract covers any"
    ):
        billed(held(terms(fee(100, advance=True)), ends="2026-11-01"), advance_billed={"Platform": 100, "Free": 0})


def test_contracts_of_two_currencies_are_never_added_up() -> None:
    moved = [
        held(terms(fee(1_000)), ends="2026-11-16"),
        held(terms(fee(1_000), currency="EUR"), "2026-11-16", contract_id="K-2"),
    ]

    with pytest.raises(UnbillableError, match="contracts of the period are in EUR and USD"):
        billed(moved)


def test_late_usage_that_nobody_priced_is_refused() -> None:
    with pytest.raises(UnbillableError, match="late usage of api_calls in 2026-10 has no price"):
        billed(held(terms()), late=[late_usage(1, 0, None)])
