"""A price in whole numbers: the one place where a quantity becomes a charge.

Quantities are millionths of a unit (`MICRO`), unit amounts hundred-millionths of a minor unit, and products are rounded
half up once, at the end (B1). Integers of any length keep this exact and several times faster than decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from billing.money import half_up

if TYPE_CHECKING:
    from billing.prices import MeterPrice

MICRO = 10**6
_AMOUNT = 10**8
_ONE_MINOR = MICRO * _AMOUNT


@dataclass(frozen=True, slots=True)
class Reach:
    """How much of a quantity fell into one tier, in millionths of a unit (or whole packages); `tier` is its place."""

    tier: int
    quantity: int


@dataclass(frozen=True, slots=True)
class RateCard:
    """`bounds` are where each tier ends beyond the allowance, None for the last; amounts in 1e-8 minor units."""

    scheme: str
    included: int
    bounds: tuple[int | None, ...]
    amounts: tuple[int, ...]
    flats: tuple[int, ...]
    package: int
    minimum: int | None
    maximum: int | None

    @classmethod
    def of(cls, price: MeterPrice) -> RateCard:
        """Compile a price; its decimals are bounded, so nothing is lost."""
        return cls(
            scheme=price.scheme.value,
            included=micro(price.included),
            bounds=tuple(None if tier.up_to is None else micro(tier.up_to) for tier in price.tiers),
            amounts=tuple(int(tier.unit_amount.scaleb(8)) for tier in price.tiers),
            flats=tuple(tier.flat_minor for tier in price.tiers),
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
        whole = active_days == period_days
        exact = self._exact(quantity - (self.included if whole else shared(self.included, active_days, period_days)))
        charge = (2 * exact + _ONE_MINOR) // (2 * _ONE_MINOR)
        if self.minimum is not None:
            charge = max(charge, self.minimum if whole else shared(self.minimum, active_days, period_days))
        if self.maximum is not None:
            charge = min(charge, self.maximum if whole else shared(self.maximum, active_days, period_days))
        return charge

    def reached(self, billable: int) -> list[Reach]:
        """Which tiers `billable` millionths beyond the allowance reach, with what falls into each."""
        if billable <= 0:
            return []
        if self.scheme == "volume":
            tier = next(place for place, bound in enumerate(self.bounds) if bound is None or billable <= bound)
            return [Reach(tier, billable)]
        left = -(-billable // self.package) * MICRO if self.package else billable
        reached, lower = [], 0
        for place, bound in enumerate(self.bounds):
            inside = left if bound is None else min(left, bound - lower)
            reached.append(Reach(place, inside))
            left -= inside
            lower += inside
            if not left:
                break
        return reached

    def _exact(self, billable: int) -> int:
        """The charge in units of 1e-14 minor units, before rounding."""
        if billable <= 0:
            return 0
        if len(self.bounds) == 1 and not self.package:
            return billable * self.amounts[0] + self.flats[0] * _ONE_MINOR
        return sum(
            step.quantity * self.amounts[step.tier] + self.flats[step.tier] * _ONE_MINOR
            for step in self.reached(billable)
        )


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
    """The part of `amount` for `active_days` of `period_days`, rounded half up once; for either sign."""
    return half_up(Decimal(amount * active_days) / period_days)
