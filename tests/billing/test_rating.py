from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.prices import MeterPrice
from billing.rating import explain, rate
from tests.billing.strategies import meter_prices, quantities
from tests.billing.world import price, tier

# Flat 100 up to 5 units, flat 50 up to 10, 10 a unit up to 15, 5 a unit above; a flat fee falls due with the first use.
GRADUATED = price(tier("5", "0", 100), tier("10", "0", 50), tier("15", "10"), tier(None, "5"))


@pytest.mark.parametrize(
    ("quantity", "charge"),
    [
        ("0", 0),
        ("0.001", 100),
        ("5", 100),
        ("5.001", 150),
        ("7", 150),
        ("10", 150),
        ("12", 170),
        ("15", 200),
        ("22", 235),
    ],
)
def test_a_graduated_price_charges_each_tier_for_its_own_units(quantity: str, charge: int) -> None:
    """Correctness case 29."""
    charged = rate(GRADUATED, Decimal(quantity))

    assert charged == charge


@pytest.mark.parametrize(
    ("quantity", "charge"), [("0", 0), ("999", 0), ("1000", 0), ("1000.5", 1), ("1001", 2), ("1500", 1000)]
)
def test_exactly_the_allowance_is_free_and_only_the_excess_is_charged(quantity: str, charge: int) -> None:
    included = price(tier(None, "2"), included="1000")

    charged = rate(included, Decimal(quantity))

    assert charged == charge


def test_tier_bounds_count_the_units_beyond_the_allowance() -> None:
    with_allowance = price(tier("100", "2"), tier(None, "1"), included="1000")

    charged = rate(with_allowance, Decimal(1150))

    assert charged == 100 * 2 + 50 * 1


def test_of_fifteen_units_ten_are_billed_when_five_of_ten_free_ones_are_left() -> None:
    """Correctness case 32."""
    five_left = price(tier(None, "1"), included="5")

    charged = rate(five_left, Decimal(15))

    assert charged == 10


@pytest.mark.parametrize(
    ("unit_amount", "charge"),
    [
        ("123.456789", 123),
        ("123.556789", 124),
        ("1.9556789", 2),
        ("1.23", 1),
        ("0.5", 1),
        ("1.5", 2),
        ("2.5", 3),
        ("0.49999999", 0),
    ],
)
def test_a_charge_is_rounded_half_up_to_the_minor_unit(unit_amount: str, charge: int) -> None:
    """Correctness case 33, in cents and in yen."""
    charged = rate(price(tier(None, unit_amount)), Decimal(1))

    assert charged == charge


def test_tiers_are_added_before_the_one_rounding() -> None:
    two_fractions = price(tier("1", "0.4"), tier(None, "0.4"))

    charged = rate(two_fractions, Decimal(2))

    assert charged == 1


def test_the_largest_storable_usage_is_rated_to_the_last_unit() -> None:
    quantity = Decimal("999999999999999999.999999")

    charged = rate(price(tier(None, "9999999999999999.99999999")), quantity)

    assert charged == 10**34 - 2 * 10**10
    assert rate(price(tier(None, "1")), quantity) == 10**18


def test_negative_usage_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="quantity -1 of api_calls cannot be rated"):
        rate(price(), Decimal(-1))


def test_a_charge_is_explained_step_by_step_in_the_currency_of_the_invoice() -> None:
    metered = price(tier("100000", "0.02", 500), tier(None, "0.0125"), included="1000000")

    sentences = explain(metered, Decimal(1250000), "USD")

    assert sentences == [
        "1,000,000 of 1,250,000 units of api_calls are included; 250,000 are billable.",
        "100,000 units at USD 0.0002 and a flat fee of USD 5.00 make USD 25.",
        "150,000 units at USD 0.000125 make USD 18.75.",
        "The charge for 1,250,000 units of api_calls is USD 43.75.",
    ]


def test_usage_within_the_allowance_is_explained_as_free() -> None:
    sentences = explain(price(included="1000"), Decimal(1000), "JPY")

    assert sentences == [
        "1,000 units of api_calls are within the 1,000 included.",
        "The charge for 1,000 units of api_calls is JPY 0.",
    ]


def test_a_price_without_allowance_says_that_every_unit_counts() -> None:
    sentences = explain(price(tier(None, "250")), Decimal(1), "KWD")

    assert sentences == [
        "Every unit of api_calls is billable.",
        "1 unit at KWD 0.25 make KWD 0.25.",
        "The charge for 1 unit of api_calls is KWD 0.250.",
    ]


@given(meter_prices(), st.lists(quantities(), min_size=2, max_size=6))
def test_more_usage_never_costs_less(metered: MeterPrice, used: list[Decimal]) -> None:
    charges = [rate(metered, quantity) for quantity in sorted(used)]

    assert all(cheaper <= dearer for cheaper, dearer in pairwise(charges))


@given(meter_prices(), st.lists(quantities(), max_size=8), st.randoms())
def test_the_order_in_which_usage_arrives_does_not_change_its_price(
    metered: MeterPrice, events: list[Decimal], chance: object
) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert rate(metered, sum(events, Decimal(0))) == rate(metered, sum(shuffled, Decimal(0)))


@given(meter_prices(), quantities())
def test_a_tier_cut_in_two_without_a_flat_fee_costs_the_same(metered: MeterPrice, used: Decimal) -> None:
    last = metered.tiers[-1]
    start = metered.tiers[-2].up_to if len(metered.tiers) > 1 else Decimal(0)
    assert start is not None
    halves = (last.model_copy(update={"up_to": start + 10}), last.model_copy(update={"flat_minor": 0}))
    cut = MeterPrice(meter=metered.meter, included=metered.included, tiers=(*metered.tiers[:-1], *halves))

    assert rate(cut, used) == rate(metered, used)


@given(meter_prices(), st.decimals(min_value=0, max_value=1, places=6))
def test_usage_up_to_the_allowance_is_always_free(metered: MeterPrice, share: Decimal) -> None:
    part = (metered.included * share).quantize(Decimal("0.000001"), rounding=ROUND_DOWN)

    assert rate(metered, part) == 0
    assert rate(metered, metered.included) == 0
