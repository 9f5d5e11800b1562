from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from billing.money import MINOR_UNIT_PLACES, CurrencyMismatchError, Money, half_up, known_currency, split_minor
from tests.billing.strategies import CURRENCIES
from tests.billing.world import usd

minors = st.integers(min_value=-(10**15), max_value=10**15)
weights = st.lists(st.one_of(st.integers(0, 10**6), st.decimals(0, 10**6, places=4)), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("amount", "currency", "minor", "written"),
    [
        ("10.00", "USD", 1000, "USD 10.00"),
        ("500", "JPY", 500, "JPY 500"),
        ("1.234", "KWD", 1234, "KWD 1.234"),
        ("0.01", "eur", 1, "EUR 0.01"),
        ("-12.3", "USD", -1230, "USD -12.30"),
        (Decimal("1E+3"), "USD", 100000, "USD 1000.00"),
        (7, "JPY", 7, "JPY 7"),
    ],
)
def test_amounts_are_kept_in_the_minor_unit_of_their_currency(
    amount: str | Decimal | int, currency: str, minor: int, written: str
) -> None:
    money = Money.of(amount, currency)

    assert money.minor == minor
    assert str(money) == written
    assert Money.of(money.major, money.currency) == money


@pytest.mark.parametrize(
    ("amount", "currency", "complaint"),
    [
        ("10.001", "USD", "more than the 2 decimal places that USD knows"),
        ("0.5", "JPY", "more than the 0 decimal places that JPY knows"),
        ("ten", "USD", "amount 'ten' is not a number"),
        ("NaN", "USD", "is not a finite number"),
        ("Infinity", "USD", "is not a finite number"),
        ("1E+999999", "USD", "is larger than any amount we bill"),
        ("1E+500000", "JPY", "is larger than any amount we bill"),
        ("1000000000000000", "USD", "is larger than any amount we bill"),
        ("1E-999999", "USD", "more than the 2 decimal places that USD knows"),
        ("1", "XXX", "currency 'XXX' is not one we bill in"),
    ],
)
def test_an_amount_that_cannot_be_paid_is_refused_by_name(amount: str, currency: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Money.of(amount, currency)


@pytest.mark.parametrize("minor", [1.0, "100", Decimal(1)])
def test_minor_units_are_whole_numbers_and_nothing_else(minor: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"minor": minor, "currency": "USD"})


@pytest.mark.parametrize("currency", CURRENCIES)
def test_every_currency_has_its_decimal_places(currency: str) -> None:
    smallest = Money(minor=1, currency=currency)

    assert -smallest.major.as_tuple().exponent == MINOR_UNIT_PLACES[currency]  # type: ignore[operator]
    assert known_currency(currency.lower()) == currency


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("-2.5", -3), ("0.49999", 0), ("17496.5", 17497), ("0", 0)],
)
def test_halves_are_rounded_away_from_zero(exact: str, rounded: int) -> None:
    assert half_up(Decimal(exact)) == rounded


@pytest.mark.parametrize(
    ("amount", "currency", "fraction", "part"),
    [
        ("1000.00", "USD", Decimal("0.5"), "USD 500.00"),
        ("249.95", "USD", Decimal(21) / 30, "USD 174.97"),
        ("19.95", "USD", Decimal(8) / 30, "USD 5.32"),
        ("19.95", "USD", Decimal(22) / 30, "USD 14.63"),
        ("50.00", "USD", Decimal(3) / 28, "USD 5.36"),
        ("3", "JPY", Decimal("0.5"), "JPY 2"),
        ("-0.01", "USD", Decimal("0.5"), "USD -0.01"),
    ],
)
def test_a_portion_is_rounded_once_half_up(amount: str, currency: str, fraction: Decimal, part: str) -> None:
    assert str(Money.of(amount, currency).portion(fraction)) == part


@pytest.mark.parametrize(
    ("total", "by", "shares"),
    [
        (100000, ["33.33", "33.33", "33.34"], [33330, 33330, 33340]),
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (1, [1, 2], [0, 1]),
        (2, [1, 1, 1, 1], [1, 1, 0, 0]),
        (100, [0, 1], [0, 100]),
        (0, [1, 1], [0, 0]),
    ],
)
def test_shares_go_to_the_largest_remainder_and_sum_to_the_whole(
    total: int, by: list[str | int], shares: list[int]
) -> None:
    assert split_minor(total, [Decimal(weight) for weight in by]) == shares


@pytest.mark.parametrize("by", [[], [0, 0], [1, -1], [-1, 2]])
def test_shares_need_weights_that_can_be_shared_by(by: list[int]) -> None:
    with pytest.raises(ValueError, match="weights must be zero or more with a positive sum"):
        split_minor(100, by)


@given(minors, weights)
def test_shares_always_sum_to_the_whole_and_stay_within_one_unit_of_fair(total: int, by: list[int | Decimal]) -> None:
    assume(sum(by) > 0)

    shares = Money(minor=total, currency="USD").split(by)

    whole = sum(Fraction(weight) for weight in by)
    assert sum(share.minor for share in shares) == total
    assert all(
        abs(share.minor - total * Fraction(weight) / whole) < 1 for share, weight in zip(shares, by, strict=True)
    )


@given(minors, minors, st.sampled_from(CURRENCIES))
def test_sums_and_comparisons_are_those_of_the_minor_units(one: int, other: int, currency: str) -> None:
    left, right = Money(minor=one, currency=currency), Money(minor=other, currency=currency)

    assert (left + right).minor == one + other
    assert (left - right).minor == one - other
    assert (-left).minor == -one
    assert (left < right, left <= right, left > right, left >= right) == (
        one < other,
        one <= other,
        one > other,
        one >= other,
    )
    assert bool(left) is (one != 0)


@pytest.mark.parametrize(
    "combine",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
    ],
    ids=["plus", "minus", "less", "at most", "more", "at least"],
)
def test_two_currencies_never_meet(combine: Callable[[Money, Money], object]) -> None:
    with pytest.raises(
        CurrencyMismatchError, match=r"cannot combine USD 1\.00 with EUR 1\.00: convert one of them first"
    ):
        combine(usd("1.00"), Money.of("1.00", "EUR"))
