"""From a quantity to its charge: the allowance is free, what exceeds it walks up graduated tiers, rounded once.

Tier bounds count billable units beyond the allowance, not the whole quantity. A tier's flat fee is due as soon as any
part of a unit falls into the tier, so that no usage is charged nothing, a first tier's flat fee included.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

from billing.money import Money, half_up
from billing.prices import MeterPrice, PriceTier
from billing.wording import unit_price, units, written

# Wide enough for any stored quantity times any unit amount: the only rounding is the one at the end.
_EXACT = Context(prec=80)


@dataclass(frozen=True)
class _Step:
    """The units that fall into one tier."""

    tier: PriceTier
    quantity: Decimal

    @property
    def charge(self) -> Decimal:
        return self.quantity * self.tier.unit_amount + self.tier.flat_minor


def rate(price: MeterPrice, quantity: Decimal) -> int:
    """The charge for `quantity` units in minor units, rounded half up once (B1); exactly the allowance is free (B5)."""
    with localcontext(_EXACT):
        return half_up(sum((step.charge for step in _steps(price, quantity)), Decimal(0)))


def explain(price: MeterPrice, quantity: Decimal, currency: str) -> list[str]:
    """How `rate` arrives at its charge, a sentence a step, amounts in `currency`."""
    with localcontext(_EXACT):
        sentences = [_allowance(price, quantity), *(_in_words(step, currency) for step in _steps(price, quantity))]
    charge = Money(minor=rate(price, quantity), currency=currency)
    return [*sentences, f"The charge for {units(quantity)} of {price.meter} is {charge}."]


def terms(price: MeterPrice, currency: str) -> str:
    """A price as a contract states it: `1,000 units included, then USD 0.02 a unit up to 500, then USD 0.01 a unit`."""
    steps = ", then ".join(_tier_in_words(tier, currency) for tier in price.tiers)
    return f"{units(price.included)} included, then {steps}" if price.included else steps


def _tier_in_words(tier: PriceTier, currency: str) -> str:
    words = f"{unit_price(tier.unit_amount, currency)} a unit"
    if tier.flat_minor:
        words += f" plus {Money(minor=tier.flat_minor, currency=currency)}"
    return f"{words} up to {written(tier.up_to)}" if tier.up_to else words


def _steps(price: MeterPrice, quantity: Decimal) -> Iterator[_Step]:
    if quantity < 0:
        raise ValueError(f"quantity {quantity} of {price.meter} cannot be rated: it must be zero or more")
    left = quantity - price.included
    lower = Decimal(0)
    for tier in price.tiers:
        if left <= 0:
            return
        inside = left if tier.up_to is None else min(left, tier.up_to - lower)
        yield _Step(tier=tier, quantity=inside)
        left -= inside
        lower += inside


def _allowance(price: MeterPrice, quantity: Decimal) -> str:
    if not price.included:
        return f"Every unit of {price.meter} is billable."
    if quantity <= price.included:
        return f"{units(quantity)} of {price.meter} are within the {written(price.included)} included."
    beyond = quantity - price.included
    return (
        f"{written(price.included)} of {units(quantity)} of {price.meter} are included; {written(beyond)} are billable."
    )


def _in_words(step: _Step, currency: str) -> str:
    sentence = f"{units(step.quantity)} at {unit_price(step.tier.unit_amount, currency)}"
    if step.tier.flat_minor:
        sentence += f" and a flat fee of {Money(minor=step.tier.flat_minor, currency=currency)}"
    return f"{sentence} make {unit_price(step.charge, currency)}."
