"""Shared costs (B6): the shares sum to the cost, whatever the weights, the currency and their order."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.allocation import allocate
from billing.money import Money
from tests.billing.strategies import CURRENCIES
from tests.billing.world import usd

WEIGHTS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=6),
    st.one_of(st.integers(min_value=0, max_value=10**9), st.decimals(min_value=0, max_value=10**6, places=4)),
    min_size=1,
    max_size=12,
).filter(lambda weights: any(weights.values()))
COSTS = st.builds(Money, minor=st.integers(min_value=-(10**12), max_value=10**12), currency=st.sampled_from(CURRENCIES))


def amounts(cost: Money, **weights: str) -> dict[str, str]:
    return {one.name: str(one.amount) for one in allocate(cost, {name: Decimal(w) for name, w in weights.items()})}


def test_a_thousand_dollars_by_three_percentages_is_allocated_to_the_cent() -> None:
    shared = amounts(usd("1000.00"), platform="33.33", research="33.33", sales="33.34")

    assert shared == {"platform": "USD 333.30", "research": "USD 333.30", "sales": "USD 333.40"}


@pytest.mark.parametrize(
    ("cost", "shared"),
    [
        (Money.of("1.00", "USD"), {"a": "USD 0.34", "b": "USD 0.33", "c": "USD 0.33"}),
        (Money.of("-1.00", "EUR"), {"a": "EUR -0.34", "b": "EUR -0.33", "c": "EUR -0.33"}),
        (Money.of(100, "JPY"), {"a": "JPY 34", "b": "JPY 33", "c": "JPY 33"}),
        (Money.of("0.100", "KWD"), {"a": "KWD 0.034", "b": "KWD 0.033", "c": "KWD 0.033"}),
        (Money.of("0.02", "USD"), {"a": "USD 0.01", "b": "USD 0.01", "c": "USD 0.00"}),
        (Money.of(0, "USD"), {"a": "USD 0.00", "b": "USD 0.00", "c": "USD 0.00"}),
    ],
)
def test_what_cannot_be_halved_goes_to_the_first_of_equal_remainders(cost: Money, shared: dict[str, str]) -> None:
    assert amounts(cost, a="1", b="1", c="1") == shared


def test_percentages_need_not_sum_to_a_hundred_because_only_their_proportion_counts() -> None:
    assert amounts(usd("30.00"), a="10", b="20") == {"a": "USD 10.00", "b": "USD 20.00"}


def test_an_allocation_says_how_it_came_about() -> None:
    cost = usd("1000.00")

    sentences = [one.in_words(cost) for one in allocate(cost, {"sales": Decimal("33.34"), "rest": Decimal("66.66")})]

    assert sentences == [
        "rest pays 66.66 % of USD 1000.00: USD 666.60.",
        "sales pays 33.34 % of USD 1000.00: USD 333.40.",
    ]


@given(COSTS, WEIGHTS)
def test_shares_sum_to_the_cost_and_none_is_a_minor_unit_off_its_exact_part(
    cost: Money, weights: dict[str, Decimal]
) -> None:
    shares = allocate(cost, weights)

    assert sum((one.amount for one in shares), Money.zero(cost.currency)) == cost
    assert all(abs(one.amount.minor - cost.minor * one.share) < Decimal("1.000001") for one in shares)
    assert all(one.amount.minor == 0 for one in shares if not weights[one.name])


@given(COSTS, WEIGHTS, st.randoms())
def test_the_order_of_weights_changes_nobodys_share(cost: Money, weights: dict[str, Decimal], chance: object) -> None:
    shuffled = list(weights.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert allocate(cost, dict(shuffled)) == allocate(cost, weights)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"a": 1, "b": -1}, "weight of b is -1: a share of a cost must weigh zero or more"),
        ({"a": 0, "b": 0}, "USD 1.00 cannot be shared: give at least one share a weight above zero"),
        ({}, "USD 1.00 cannot be shared: give at least one share a weight above zero"),
    ],
)
def test_weights_that_share_nothing_are_refused_by_name(weights: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        allocate(usd("1.00"), weights)
