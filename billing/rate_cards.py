"""A price in whole numbers: the one place where a quantity becomes a charge.

Quantities are millionths of a unit (`MICRO`), unit amounts hundred-millionths of a minor unit, and products are rounded
half up once, at the end (B1). Integers of any length keep this exact and several times faster than decimals.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.prices import MeterPrice

MICRO = 10**6
_AMOUNT = 10**8
_ONE_MINOR = MICRO * _AMOUNT
_HALF_MINOR = _ONE_MINOR // 2


@dataclass(frozen=True, slots=True)
class Reach:
    """How much of a quantity fell into one tier, in millionths of a unit (or whole packages); `tier` is its place."""

    tier: int
    quantity: int


@dataclass(frozen=True, slots=True)
class RateCard:
    """`bounds` are where each tier but the last ends beyond the allowance; amounts in 1e-8 minor units.

    `before` is what a graduated quantity owes as soon as it enters a tier, in 1e-14 minor units: every earlier tier and all
    flat fees so far. So a charge is one look for its tier and one product, however many tiers there are.
    """

    volume: bool
    included: int
    bounds: tuple[int, ...]
    amounts: tuple[int, ...]
    flats: tuple[int, ...]
    before: tuple[int, ...]
    package: int
    minimum: int | None
    maximum: int | None

    @classmethod
    def of(cls, price: MeterPrice) -> RateCard:
        """Compile a price; its decimals are bounded, so nothing is lost."""
        bounds = tuple(micro(tier.up_to) for tier in price.tiers if tier.up_to is not None)
        amounts = tuple(int(tier.unit_amount.scaleb(8)) for tier in price.tiers)
        flats = tuple(tier.flat_minor for tier in price.tiers)
        widths = [end - start for start, end in pairwise((0, *bounds))]
        full = [width * amount for width, amount in zip(widths, amounts, strict=False)]
        return cls(
            volume=price.scheme.value == "volume",
            included=micro(price.included),
            bounds=bounds,
            amounts=amounts,
            flats=flats,
            before=tuple(sum(full[:tier]) + sum(flats[: tier + 1]) * _ONE_MINOR for tier in range(len(flats))),
            package=micro(price.package_size) if price.package_size else 0,
            minimum=price.minimum_minor,
            maximum=price.maximum_minor,
        )

    def charge(self, quantity: int, active_days: int = 1, period_days: int = 1) -> int:
        """Minor units for `quantity` millionths of a unit, used in `active_days` of `period_days`.

        Allowance, minimum and maximum are prorated by days (B1); exactly the allowance is free (B5). Raises ValueError
        for a negative quantity.
        """
        if quantity < 0:
            raise ValueError(f"quantity {plain(quantity)} cannot be rated: it must be zero or more")
        billable = quantity - shared(self.included, active_days, period_days)
        charge = (self._exact(billable) + _HALF_MINOR) // _ONE_MINOR if billable > 0 else 0
        if self.minimum is not None:
            charge = max(charge, shared(self.minimum, active_days, period_days))
        if self.maximum is not None:
            charge = min(charge, shared(self.maximum, active_days, period_days))
        return charge

    def reached(self, billable: int) -> list[Reach]:
        """Which tiers `billable` millionths beyond the allowance reach, with what falls into each."""
        if billable <= 0:
            return []
        counted = self._counted(billable)
        last = bisect_left(self.bounds, counted)
        if self.volume:
            return [Reach(last, counted)]
        edges = (0, *self.bounds[:last], counted)
        return [Reach(tier, end - start) for tier, (start, end) in enumerate(pairwise(edges))]

    def _exact(self, billable: int) -> int:
        """What a positive quantity costs in 1e-14 minor units, before rounding."""
        counted = self._counted(billable)
        tier = bisect_left(self.bounds, counted)
        if self.volume:
            return counted * self.amounts[tier] + self.flats[tier] * _ONE_MINOR
        return self.before[tier] + (counted - (self.bounds[tier - 1] if tier else 0)) * self.amounts[tier]

    def _counted(self, billable: int) -> int:
        """What tiers count, in millionths: units, or packages, each of them whole as soon as it is begun."""
        return -(-billable // self.package) * MICRO if self.package else billable


def micro(quantity: Decimal) -> int:
    """A quantity of at most six decimals in millionths; raises ValueError for a finer one."""
    scaled = quantity.scaleb(6)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"quantity {quantity:f} is finer than a millionth of a unit")
    return int(scaled)


def plain(quantity: int) -> Decimal:
    """Millionths of a unit as a quantity."""
    return Decimal(quantity).scaleb(-6)


def shared(amount: int, active_days: int, period_days: int) -> int:
    """The part of `amount` for `active_days` of `period_days`, rounded half up once, away from zero for either sign."""
    if active_days == period_days:
        return amount
    part = (2 * abs(amount) * active_days + period_days) // (2 * period_days)
    return part if amount >= 0 else -part
