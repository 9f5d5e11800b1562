"""Currencies: which exist, how many digits they have, and amounts in words a person reads."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from babel.numbers import format_currency, get_currency_precision, list_currencies

from sandbox.stripe.errors import InvalidParameter

# Stripe keeps two digits for these although nobody mints them, for the sake of old integrations.
TWO_DIGITS_AT_STRIPE = frozenset({"isk", "ugx", "huf", "twd"})
CHARGE_MIN = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "chf": 50}
CHARGE_MAX = 99_999_999


@cache
def known() -> frozenset[str]:
    """Every currency code, in lower case as Stripe writes them."""
    return frozenset(code.lower() for code in list_currencies())


def checked(currency: str, param: str = "currency") -> str:
    """The code in lower case; raises `InvalidParameter` when there is no such currency."""
    if currency.lower() not in known():
        raise InvalidParameter(f"Invalid currency: {currency}.", param=param)
    return currency.lower()


def digits(currency: str) -> int:
    """Digits after the point in Stripe's minor unit: 2 for usd, 0 for jpy, 3 for kwd."""
    return 2 if currency in TWO_DIGITS_AT_STRIPE else get_currency_precision(currency.upper())


def in_words(amount: int, currency: str) -> str:
    """An amount in minor units as people read it: `in_words(500, "jpy")` is `¥500`."""
    value = Decimal(amount).scaleb(-digits(currency))
    return format_currency(value, currency.upper(), locale="en_US")


def rounded(amount: Decimal) -> int:
    """Whole minor units, half away from zero."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def chargeable(amount: int, currency: str) -> int:
    """The amount; raises `InvalidParameter` when it is too small or too large for a card."""
    lowest = CHARGE_MIN.get(currency, 1)
    if amount < lowest:
        message = f"Amount must be at least {in_words(lowest, currency)} {currency}"
        raise InvalidParameter(message, code="amount_too_small", param="amount")
    if amount > CHARGE_MAX:
        message = f"Amount must be no more than {in_words(CHARGE_MAX, currency)}"
        raise InvalidParameter(message, code="amount_too_large", param="amount")
    return amount
