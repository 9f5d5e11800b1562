from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import Money
from billing.policy.standard import STANDARD
from tests.billing.strategies import CURRENCIES

POLICY = STANDARD.credits
LIMIT = Money.of("50", "USD")


@pytest.mark.parametrize(
    ("amount", "currency", "within", "reaches"),
    [
        ("49.99", "USD", True, False),
        ("50.00", "USD", True, True),
        ("50.01", "USD", False, True),
        ("44.99", "EUR", True, False),
        ("45.00", "EUR", True, True),
        ("45.01", "EUR", False, True),
        ("7499", "JPY", True, False),
        ("7500", "JPY", True, True),
        ("7501", "JPY", False, True),
        ("0.01", "CHF", False, True),
    ],
)
def test_an_amount_is_compared_exactly_at_the_planning_rate(
    amount: str, currency: str, within: bool, reaches: bool
) -> None:
    money = Money.of(amount, currency)

    assert POLICY.within(money, LIMIT) is within
    assert POLICY.exceeds(money, LIMIT) is not within
    assert POLICY.reaches(money, LIMIT) is reaches


@given(st.integers(-(10**9), 10**9), st.sampled_from(CURRENCIES))
def test_an_amount_is_within_a_limit_or_reaches_it_and_both_only_at_the_limit(minor: int, currency: str) -> None:
    money = Money(minor=minor, currency=currency)

    within, reaches = POLICY.within(money, LIMIT), POLICY.reaches(money, LIMIT)

    rate = Decimal(1) if currency == "USD" else POLICY.units_per_reference.get(currency)
    assert within or reaches
    assert (within and reaches) is (rate is not None and money.major == LIMIT.major * rate)


@pytest.mark.parametrize(
    ("amounts", "currency", "total"),
    [
        ([], "USD", "0.00"),
        (["USD 10.00", "USD 20.50"], "USD", "30.50"),
        (["EUR 45.00"], "USD", "50.00"),
        (["EUR 40.00"], "USD", "44.45"),
        (["USD 50.00", "JPY 7500"], "EUR", "90.00"),
        (["EUR 0.01"], "JPY", "2"),
        (["CHF 7.00", "CHF 8.00"], "CHF", "15.00"),
        (["CHF 7.00"], "USD", None),
        (["USD 7.00"], "CHF", None),
    ],
)
def test_amounts_of_several_currencies_add_up_at_the_planning_rates_and_never_to_less(
    amounts: list[str], currency: str, total: str | None
) -> None:
    monies = [Money.of(amount[4:], amount[:3]) for amount in amounts]

    assert POLICY.added_up(monies, currency) == (None if total is None else Money.of(total, currency))


@given(st.lists(st.integers(1, 10**9), max_size=5), st.sampled_from(["USD", "EUR", "GBP", "JPY"]))
def test_a_sum_in_another_currency_is_within_no_lower_limit_than_its_parts(minors: list[int], currency: str) -> None:
    parts = [Money(minor=minor, currency="EUR") for minor in minors]

    total = POLICY.added_up(parts, currency)

    assert total is not None
    for limit in (POLICY.agent_limit, POLICY.lead_limit):
        assert POLICY.within(Money(minor=sum(minors), currency="EUR"), limit) or not POLICY.within(total, limit)
