"""The integer arithmetic of prices: every scheme, its bounds and its proration, against the same sum in fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from billing.prices import MeterPrice, PriceTier, Scheme
from billing.rate_cards import micro, plain, shared
from billing.rating import explain, rate
from tests.billing.strategies import any_prices, quantities
from tests.billing.world import METER, tier

DAYS = st.integers(min_value=28, max_value=31).flatmap(
    lambda period: st.tuples(st.integers(min_value=0, max_value=period), st.just(period))
)


def metered(scheme: Scheme, *tiers: PriceTier, **more: object) -> MeterPrice:
    return MeterPrice.model_validate({"meter": METER, "scheme": scheme, "tiers": tiers} | more)


@pytest.mark.parametrize(
    ("quantity", "packages"),
    [("0", 0), ("0.000001", 1), ("1", 1), ("9", 1), ("10", 1), ("10.5", 2), ("11", 2), ("20", 2)],
)
def test_a_package_is_charged_whole_as_soon_as_it_is_begun(quantity: str, packages: int) -> None:
    """Correctness case 28: packages of ten."""
    tens = metered(Scheme.PACKAGES, tier(None, "250"), package_size="10")

    charged = rate(tens, Decimal(quantity))

    assert charged == packages * 250


@pytest.mark.parametrize(
    ("quantity", "charge"),
    [("100", 0), ("101", 300), ("110", 300), ("120", 600), ("121", 800), ("1121", 800 + 100 * 200)],
)
def test_tiers_of_packages_count_packages_beyond_the_allowance(quantity: str, charge: int) -> None:
    price = metered(Scheme.PACKAGES, tier("2", "300"), tier(None, "200"), package_size="10", included="100")

    charged = rate(price, Decimal(quantity))

    assert charged == charge


@pytest.mark.parametrize(
    ("quantity", "charge"),
    [("0", 0), ("1", 20), ("100", 2_000), ("100.5", 1_012), ("101", 1_017), ("500", 5_007), ("501", 2_505)],
)
def test_the_volume_that_is_reached_prices_every_unit_and_owes_its_own_flat_fee(quantity: str, charge: int) -> None:
    price = metered(Scheme.VOLUME, tier("100", "20"), tier("500", "10", 7), tier(None, "5"))

    charged = rate(price, Decimal(quantity))

    assert charged == charge


@pytest.mark.parametrize(
    ("quantity", "charge"), [("0", 500), ("499", 500), ("500", 500), ("501", 501), ("10000", 10_000), ("20000", 10_000)]
)
def test_a_least_and_a_most_bound_what_a_meter_comes_to(quantity: str, charge: int) -> None:
    """Correctness case 30: what would go beyond a maximum of 10,000 is not charged, and never charged negatively."""
    price = metered(Scheme.GRADUATED, tier(None, "1"), minimum_minor=500, maximum_minor=10_000)

    assert rate(price, Decimal(quantity)) == charge


@pytest.mark.parametrize(
    ("used", "active", "period", "charge"),
    [
        ("0", 25, 28, 893),
        ("800", 25, 28, 893),
        ("893", 25, 28, 893),
        ("894", 25, 28, 894),
        ("800", 28, 28, 1_000),
        ("800", 0, 28, 800),
    ],
)
def test_a_minimum_is_due_for_the_days_it_was_agreed_for(used: str, active: int, period: int, charge: int) -> None:
    """Correctness case 35: 10.00 for 25 of 28 days are 8.93, so 8.00 of usage lack 0.93."""
    price = metered(Scheme.GRADUATED, tier(None, "1"), minimum_minor=1_000)

    assert rate(price, Decimal(used), active, period) == charge


@pytest.mark.parametrize(
    ("used", "active", "period", "charge"),
    [
        ("500", 15, 30, 0),
        ("501", 15, 30, 1),
        ("333.333333", 10, 30, 0),
        ("333.333334", 10, 30, 0),
        ("1000", 0, 30, 1_000),
    ],
)
def test_the_allowance_of_half_a_period_is_half_and_exactly_that_is_free(
    used: str, active: int, period: int, charge: int
) -> None:
    price = metered(Scheme.GRADUATED, tier(None, "1"), included="1000")

    assert rate(price, Decimal(used), active, period) == charge


def test_tier_bounds_are_not_shortened_with_the_period() -> None:
    price = metered(Scheme.GRADUATED, tier("100", "2"), tier(None, "1"))

    assert rate(price, Decimal(150), 15, 30) == rate(price, Decimal(150)) == 250


def test_a_prorated_line_says_how_much_was_included_and_which_bound_held() -> None:
    price = metered(Scheme.GRADUATED, tier(None, "1"), included="1000", minimum_minor=1_000)

    assert explain(price, Decimal(600), "USD", 15, 30) == [
        "500 of 600 units of api_calls are included; 100 are billable.",
        "100 units at USD 0.01 make USD 1.",
        "USD 5.00 is the least that api_calls comes to.",
        "The charge for 600 units of api_calls is USD 5.00.",
    ]


@pytest.mark.parametrize(
    ("amount", "active", "period", "part"),
    [
        (100_000, 15, 30, 50_000),  # B1
        (24_995, 21, 30, 17_497),  # case 9: 174.965 rounds half up
        (6_000, 24, 31, 4_645),  # case 35
        (-24_995, 21, 30, -17_497),
        (24_995, 10, 31, 8_063),  # case 11
        (1, 1, 2, 1),
        (-1, 1, 2, -1),
        (10**18 + 1, 15, 30, (10**18 + 2) // 2),
        (700, 0, 30, 0),
    ],
)
def test_a_part_of_an_amount_is_rounded_half_up_once(amount: int, active: int, period: int, part: int) -> None:
    assert shared(amount, active, period) == part


@given(any_prices(), quantities(), DAYS)
def test_a_charge_is_what_fractions_make_of_the_same_price(
    price: MeterPrice, quantity: Decimal, days: tuple[int, int]
) -> None:
    assert rate(price, quantity, *days) == by_fractions(price, quantity, Fraction(*days))


@given(any_prices(), st.lists(quantities(100_000), min_size=2, max_size=4))
def test_more_usage_costs_no_less_unless_a_volume_is_reached(price: MeterPrice, used: list[Decimal]) -> None:
    charges = [rate(price, quantity) for quantity in sorted(used)]

    assert price.scheme is Scheme.VOLUME or charges == sorted(charges)


@given(any_prices(), quantities(), DAYS)
def test_no_charge_leaves_its_bounds(price: MeterPrice, quantity: Decimal, days: tuple[int, int]) -> None:
    charged = rate(price, quantity, *days)

    assert charged >= shared(price.minimum_minor or 0, *days)
    assert price.maximum_minor is None or charged <= shared(price.maximum_minor, *days)


@given(quantities())
def test_a_quantity_is_the_same_in_millionths(quantity: Decimal) -> None:
    assert plain(micro(quantity)) == quantity


def test_a_quantity_finer_than_a_millionth_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"quantity 0\.0000001 is finer than a millionth of a unit"):
        micro(Decimal("0.0000001"))


def test_usage_below_zero_is_refused_in_whole_numbers_too() -> None:
    with pytest.raises(ValueError, match=r"quantity -1\.000000 cannot be rated: it must be zero or more"):
        metered(Scheme.GRADUATED, tier(None, "1")).card.charge(-1_000_000)


@pytest.mark.parametrize(
    ("price", "words"),
    [
        ({"scheme": "packages"}, "package_size belongs to the scheme packages"),
        ({"package_size": "10"}, "package_size belongs to the scheme packages"),
        ({"scheme": "packages", "package_size": "0"}, "package_size"),
        (
            {
                "scheme": "packages",
                "package_size": "10",
                "tiers": [{"up_to": "2.5", "unit_amount": "1"}, {"unit_amount": "1"}],
            },
            "up_to counts whole packages, got 2.5",
        ),
        ({"minimum_minor": 2, "maximum_minor": 1}, "minimum_minor 2 is above maximum_minor 1"),
        ({"minimum_minor": -1}, "minimum_minor"),
        ({"scheme": "stairs"}, "scheme"),
        ({"tiers": []}, "tiers"),
        ({"tiers": [{"up_to": "10", "unit_amount": "1"}]}, "the last must be open"),
        ({"tiers": [{"unit_amount": "1"}, {"unit_amount": "1"}]}, "every tier but the last needs up_to"),
        (
            {"tiers": [{"up_to": up_to, "unit_amount": "1"} for up_to in ("10", "10", None)]},
            r"up_to must climb, got \['10', '10'\]",
        ),
        (
            {"tiers": [{"up_to": up_to, "unit_amount": "1"} for up_to in ("20", "10", None)]},
            r"up_to must climb, got \['20', '10'\]",
        ),
        ({"included": "0.0000001"}, "included"),
    ],
)
def test_a_price_with_a_gap_an_overlap_or_no_end_is_refused_naming_the_field(
    price: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        MeterPrice.model_validate({"meter": METER, "tiers": [{"unit_amount": "1"}]} | price)


def by_fractions(price: MeterPrice, quantity: Decimal, part: Fraction) -> int:
    """The charge as the contract reads it, in exact fractions and without any of the code under test."""
    included = Fraction(floor(Fraction(price.included) * part * 10**6 + Fraction(1, 2)), 10**6)
    billable = max(Fraction(quantity) - included, Fraction(0))
    if price.package_size:
        billable = Fraction(ceil(billable / Fraction(price.package_size)))
    charge, lower = Fraction(0), Fraction(0)
    for step in price.tiers:
        upper = billable if step.up_to is None else min(billable, Fraction(step.up_to))
        reached = billable > lower
        if price.scheme is Scheme.VOLUME:
            here = reached and upper == billable
            charge += (billable * Fraction(step.unit_amount) + step.flat_minor) if here else 0
        elif reached:
            charge += (upper - lower) * Fraction(step.unit_amount) + step.flat_minor
        lower = upper if step.up_to is None else Fraction(step.up_to)
    rounded = floor(charge + Fraction(1, 2))
    least, most = price.minimum_minor, price.maximum_minor
    if least is not None:
        rounded = max(rounded, floor(least * part + Fraction(1, 2)))
    if most is not None:
        rounded = min(rounded, floor(most * part + Fraction(1, 2)))
    return rounded
