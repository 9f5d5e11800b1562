"""Numbers, amounts and moments as the tenant's region writes them; the pages themselves are in English, like letters."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Self
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import NumberFormatError, format_decimal, get_group_symbol, parse_decimal

from adapters.locales import amount_in_words, english_of, locale_of
from adapters.mail.wording import moment_in_words
from billing.money import MINOR_UNIT_PLACES, Money
from billing.tenants import Tenant


@dataclass(frozen=True)
class Figures:
    """How one tenant reads numbers and clocks."""

    locale: Locale
    zone: ZoneInfo
    currency: str

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        """By the tenant's locale, zone and currency."""
        return cls(locale_of(tenant.locale), ZoneInfo(tenant.zone), tenant.currency)

    def amount(self, money: Money) -> str:
        """Such as `1.234,50 €`."""
        return amount_in_words(money, self.locale)

    def minor(self, minor: int) -> str:
        """An amount in minor units of the tenant's currency."""
        return self.amount(Money(minor=minor, currency=self.currency))

    def quantity(self, quantity: Decimal | int) -> str:
        """All the digits there are, without trailing zeros."""
        return format_decimal(Decimal(quantity).normalize(), locale=self.locale, decimal_quantization=False)

    def units(self, quantity: Decimal | int, unit: str) -> str:
        """A quantity with its unit, such as `1,204 calls`."""
        return f"{self.quantity(quantity)} {unit if quantity == 1 else f'{unit}s'}"

    def month(self, month: str) -> str:
        """`2026-10` as `October 2026`."""
        return format_date(date.fromisoformat(f"{month}-01"), "MMMM yyyy", locale=self._english)

    def day(self, day: date) -> str:
        """Such as `Wednesday, 14 October 2026`, in the region's order."""
        return format_date(day, "full", locale=self._english)

    def short_day(self, day: date) -> str:
        """Such as `Wed 14`."""
        return format_date(day, "EEE d", locale=self._english)

    def clock(self, moment: datetime) -> str:
        """The tenant's wall clock, with the zone's name where an hour could be meant twice."""
        local = moment.astimezone(self.zone)
        return format_time(local, "HH:mm", tzinfo=self.zone, locale=self._english)

    def clock_to_the_second(self, moment: datetime) -> str:
        """The tenant's wall clock, down to the millisecond that tells two events apart."""
        local = moment.astimezone(self.zone)
        return format_time(local, "HH:mm:ss.SSS", tzinfo=self.zone, locale=self._english)

    def zone_at(self, moment: datetime) -> str:
        """The zone's name at that moment, such as `Central European Summer Time`."""
        return get_timezone_name(moment.astimezone(self.zone), locale=self._english)

    def moment(self, moment: datetime) -> str:
        """Day, time and zone."""
        return moment_in_words(moment, self.locale, self.zone)

    @property
    def example(self) -> str:
        """How the tenant writes an amount."""
        places = MINOR_UNIT_PLACES[self.currency]
        return format_decimal(
            Decimal("1234.5").quantize(Decimal(1).scaleb(-places)), f"#,##0.{'0' * places}", self.locale
        )

    def read_amount(self, typed: str) -> Money:
        """An amount in major units, as the tenant's region writes it or as a plain number; ValueError says how."""
        return Money.of(_number(typed, self.locale, self.example), self.currency)

    @property
    def _english(self) -> Locale:
        return english_of(self.locale)


def _number(typed: str, locale: Locale, example: str) -> Decimal:
    """Strictly: `1.234` is a thousand in Germany, and what is neither theirs nor plain is asked for again."""
    text = "".join(typed.split()) if get_group_symbol(locale).isspace() else typed.strip()
    if text.translate(_BETWEEN_DIGITS).isdigit():
        for read in (partial(parse_decimal, locale=locale, strict=True), Decimal):
            with suppress(NumberFormatError, InvalidOperation):
                return read(text)
    raise ValueError(f"write an amount such as {example}")


# No letters, exponents or signs.
_BETWEEN_DIGITS = dict.fromkeys(map(ord, ".,' \u2019\u00a0\u202f"), None)
