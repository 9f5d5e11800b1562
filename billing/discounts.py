"""What lowers a bill, and the tax on what is left: percentages one after another, then fixed amounts (B3), then tax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.contracts import PercentDiscount, Terms
from billing.invoices import LineKind
from billing.money import half_up, split_minor

Charge = tuple[str | None, int]


@dataclass(frozen=True, slots=True)
class Reduction:
    """One discount: `amount_minor` (never above zero) off `base_minor`; `rate` is its share of one, None if fixed."""

    kind: LineKind
    name: str
    amount_minor: int
    base_minor: int
    rate: Decimal | None = None


def reductions(charges: Sequence[Charge], terms: Terms) -> list[Reduction]:
    """What each discount of the terms takes off charges given as (meter or None, minor units), percentages first."""
    left = [amount for _, amount in charges]
    taken = [_percentage(discount, charges, left) for discount in terms.discounts]
    rest = sum(left)
    for fixed in terms.fixed_discounts:
        off = min(fixed.amount_minor, max(rest, 0))
        taken.append(Reduction(LineKind.FIXED_DISCOUNT, fixed.name, -off, rest))
        rest -= off
    return taken


def tax_on(net_minor: int, rate: Decimal) -> int:
    """The tax in minor units on what is left after discounts, rounded half up once; money given back gives tax back."""
    return half_up(net_minor * rate)


def _percentage(discount: PercentDiscount, charges: Sequence[Charge], left: list[int]) -> Reduction:
    """Take the percentage off what is left of the charges it is for, and share it among them for later discounts."""
    places = [place for place, (meter, _) in enumerate(charges) if not discount.meters or meter in discount.meters]
    base = sum(left[place] for place in places)
    off = half_up(base * discount.percent / 100) if base > 0 else 0
    if off:
        for place, share in zip(places, split_minor(off, [max(left[place], 0) for place in places]), strict=True):
            left[place] -= share
    return Reduction(LineKind.DISCOUNT, discount.name, -off, base, discount.percent / 100)
