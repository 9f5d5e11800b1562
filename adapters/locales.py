"""How amounts, quantities and days are written for a reader, by the reader's locale.

Documents and letters are in English: the locale's region orders a date's parts, its number format writes the figures.
An unknown locale holds nothing back; American English takes its place.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval
from babel.numbers import format_currency, format_decimal

from billing.money import MINOR_UNIT_PLACES, Money

_FALLBACK_LOCALE = Locale("en", "US")

# As many decimals as a price a unit may have in major units.
_PRICE = "#,##0.############"
_QUANTITY = "#,##0.######"


def locale_of(tag: str) -> Locale:
    """The locale of a BCP 47 tag; American English for one that is unknown."""
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return _FALLBACK_LOCALE


def english_of(locale: Locale) -> Locale:
    """English as written in the reader's region, such as en-DE; international English where none is recorded."""
    try:
        return Locale("en", locale.territory)
    except UnknownLocaleError:
        return Locale("en", "001")


def amount_in_words(amount: Money, locale: Locale) -> str:
    """The amount as the locale writes it, with the decimals its currency has: `1.234,50 €`, `￥1,235`."""
    return format_currency(amount.major, amount.currency, locale=locale)


def price_in_words(unit_amount: Decimal, currency: str, locale: Locale) -> str:
    """A price a unit, given in minor units, with all its decimals and at least those of the currency: `0,000024 €`."""
    major = unit_amount.scaleb(-MINOR_UNIT_PLACES[currency])
    if round(major, MINOR_UNIT_PLACES[currency]) == major:
        return format_currency(major, currency, locale=locale)
    pattern = locale.currency_formats["standard"].pattern
    positive = pattern.split(";")[0]
    figures = positive[positive.index("#") : max(positive.rindex("0"), positive.rindex("#")) + 1]
    return format_currency(
        major, currency, format=positive.replace(figures, _PRICE), locale=locale, currency_digits=False
    )


def quantity_in_words(quantity: Decimal, locale: Locale) -> str:
    """A quantity with the locale's separators and no trailing zeros: `1.204,5`."""
    return format_decimal(quantity, format=_QUANTITY, locale=locale)


def day_in_words(day: date, locale: Locale) -> str:
    """A day in English, its parts in the order of the locale's region: `November 1, 2026`, `1 November 2026`."""
    return format_date(day, "long", locale=english_of(locale))


def days_in_words(first: date, last: date, locale: Locale) -> str:
    """A stretch of days, both ends included, as short as the region writes it: `1 – 31 October 2026`."""
    return format_interval(first, last, "yMMMMd", locale=english_of(locale))


def country_in_words(country: str, locale: Locale) -> str:
    """A country by its ISO 3166 code in English, as a letter's address ends; any other words stay as they are."""
    return str(english_of(locale).territories.get(country, country))
