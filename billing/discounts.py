"""What lowers a bill, and the tax on what is left: percentages one after another, then fixed amounts (B3), then tax."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from billing.contracts import FixedDiscount, PercentDiscount
from billing.invoices import LineKind
from billing.money import half_up, split_minor

Charge = tuple[str | None, int]


class Reduction(NamedTuple):
    """One discount: `amount_minor` (never above zero) off `base_minor`; `rate` is its share of one, None if fixed."""

    kind: LineKind
    name: str
    amount_minor: int
    base_minor: int
    rate: Decimal | None = None


def reductions(
    charges: Sequence[Charge], percentages: Sequence[PercentDiscount], fixed: Sequence[FixedDiscount]
) -> list[Reduction]:
    """What each discount takes off charges given as (meter or None, minor units), percentages first."""
    left = [amount for _, amount in charges]
    taken = []
    for place, discount in enumerate(percentages):
        # Only a later discount on meters asks how much of each charge is left.
        later = percentages[place + 1 :]
        shares_matter = bool(later) and any(one.meters for one in later)
        taken.append(_percentage(discount, charges, left, shares_matter=shares_matter))
    rest = sum(left)
    for one in fixed:
        off = min(one.amount_minor, max(rest, 0))
        taken.append(Reduction(LineKind.FIXED_DISCOUNT, one.name, -off, rest))
        rest -= off
    return taken


def tax_on(net_minor: int, rate: Decimal) -> int:
    """The tax in minor units on what is left after discounts, rounded half up once; money given back gives tax back."""
    return half_up(net_minor * rate)


def _percentage(
    discount: PercentDiscount, charges: Sequence[Charge], left: list[int], *, shares_matter: bool
) -> Reduction:
    """Take the percentage off what is left of the charges it is for."""
    places: Sequence[int] = range(len(left))
    if discount.meters:
        places = [place for place, (meter, _) in enumerate(charges) if meter in discount.meters]
    base = sum([left[place] for place in places])
    rate = discount.percent / 100
    off = half_up(base * rate) if base > 0 else 0
    if off and shares_matter:
        for place, share in zip(places, split_minor(off, [max(left[place], 0) for place in places]), strict=True):
            left[place] -= share
    elif off:
        left[places[0]] -= off
    return Reduction(LineKind.DISCOUNT, discount.name, -off, base, rate)
