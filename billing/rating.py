"""From a quantity to its charge, and how that comes about in sentences; the arithmetic is `billing.rate_cards`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from billing.money import Money
from billing.prices import MeterPrice, PriceTier, Scheme
from billing.rate_cards import micro, plain, shared
from billing.wording import counted, unit_price, units, written


@dataclass(frozen=True)
class PricedStep:
    """The units (for packages: whole packages) that fall into one tier, and their exact charge in minor units."""

    tier: PriceTier
    quantity: Decimal

    @property
    def charge(self) -> Decimal:
        """In minor units and not rounded: a line is rounded once, as a whole (B1)."""
        return self.quantity * self.tier.unit_amount + self.tier.flat_minor


def rate(price: MeterPrice, quantity: Decimal, active_days: int = 1, period_days: int = 1) -> int:
    """The charge for `quantity` units in minor units, rounded half up once (B1); exactly the allowance is free (B5).

    Used in `active_days` of `period_days`, the allowance and the bounds are prorated. Raises ValueError below zero.
    """
    if quantity < 0:
        raise ValueError(f"quantity {quantity} of {price.meter} cannot be rated: it must be zero or more")
    return price.card.charge(micro(quantity), active_days, period_days)


def steps(price: MeterPrice, quantity: Decimal, active_days: int = 1, period_days: int = 1) -> Iterator[PricedStep]:
    """How a quantity walks up the tiers beyond its allowance."""
    billable = micro(quantity) - shared(price.card.included, active_days, period_days)
    for reach in price.card.reached(billable):
        yield PricedStep(tier=price.tiers[reach.tier], quantity=plain(reach.quantity))


def included_units(price: MeterPrice, active_days: int = 1, period_days: int = 1) -> Decimal:
    """The allowance of so many days, to a millionth of a unit."""
    return plain(shared(price.card.included, active_days, period_days)).normalize() + 0


def explain(
    price: MeterPrice, quantity: Decimal, currency: str, active_days: int = 1, period_days: int = 1
) -> list[str]:
    """How `rate` arrives at its charge, a sentence a step, amounts in `currency`."""
    charge = Money(minor=rate(price, quantity, active_days, period_days), currency=currency)
    return [
        _allowance(price, quantity, included_units(price, active_days, period_days)),
        *(_in_words(price, step, currency) for step in steps(price, quantity, active_days, period_days)),
        *_bounds(price, currency, charge, active_days, period_days),
        f"The charge for {units(quantity)} of {price.meter} is {charge}.",
    ]


def terms(price: MeterPrice, currency: str) -> str:
    """A price as a contract states it: `1,000 units included, then USD 0.02 a unit up to 500, then USD 0.01 a unit`."""
    words = ", then ".join(_tier_in_words(price, tier, currency) for tier in price.tiers)
    words = f"{units(price.included)} included, then {words}" if price.included else words
    if price.scheme is Scheme.VOLUME and len(price.tiers) > 1:
        words += ", the step reached holding for every unit"
    if price.minimum_minor:
        words += f", at least {Money(minor=price.minimum_minor, currency=currency)}"
    if price.maximum_minor is not None:
        words += f", at most {Money(minor=price.maximum_minor, currency=currency)}"
    return words


def _tier_in_words(price: MeterPrice, tier: PriceTier, currency: str) -> str:
    words = f"{unit_price(tier.unit_amount, currency)} {_each(price)}"
    if tier.flat_minor:
        words += f" plus {Money(minor=tier.flat_minor, currency=currency)}"
    return f"{words} up to {written(tier.up_to)}" if tier.up_to else words


def _each(price: MeterPrice) -> str:
    return f"a package of {written(price.package_size)}" if price.package_size else "a unit"


def _allowance(price: MeterPrice, quantity: Decimal, included: Decimal) -> str:
    if not included:
        return f"Every unit of {price.meter} is billable."
    if quantity <= included:
        return f"{units(quantity)} of {price.meter} are within the {written(included)} included."
    beyond = quantity - included
    return f"{written(included)} of {units(quantity)} of {price.meter} are included; {written(beyond)} are billable."


def _in_words(price: MeterPrice, step: PricedStep, currency: str) -> str:
    many = counted(int(step.quantity), "package") if price.package_size else units(step.quantity)
    sentence = f"{many} at {unit_price(step.tier.unit_amount, currency)}"
    if step.tier.flat_minor:
        sentence += f" and a flat fee of {Money(minor=step.tier.flat_minor, currency=currency)}"
    return f"{sentence} make {unit_price(step.charge, currency)}."


def _bounds(price: MeterPrice, currency: str, charge: Money, active_days: int, period_days: int) -> Iterator[str]:
    """The minimum or the maximum, where it decided the charge."""
    for minor, words in ((price.minimum_minor, "least"), (price.maximum_minor, "most")):
        if minor is not None and charge.minor == shared(minor, active_days, period_days):
            yield f"{charge} is the {words} that {price.meter} comes to."
