"""One cost shared by several: each pays by its weight, and the shares sum to the cost (B6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.money import Money
from billing.wording import percent


@dataclass(frozen=True, slots=True)
class CostShare:
    """What one of those who share a cost pays; `share` is its part of one before rounding."""

    name: str
    share: Decimal
    amount: Money

    def in_words(self, cost: Money) -> str:
        """How the amount comes about: `team-a pays 33.33 % of USD 1000.00: USD 333.30.`"""
        return f"{self.name} pays {percent(self.share)} of {cost}: {self.amount}."


def allocate(cost: Money, weights: Mapping[str, Decimal | int]) -> tuple[CostShare, ...]:
    """Share `cost` by weights (percentages, seats, usage: only their proportion counts), in order of name.

    Every share is rounded down and the minor units left over go to the largest remainders, on a tie to the first name; so
    the order in which weights are given never matters. Raises ValueError naming a weight below zero, and when all are zero.
    """
    names = sorted(weights)
    if below := [name for name in names if weights[name] < 0]:
        raise ValueError(f"weight of {below[0]} is {weights[below[0]]}: a share of a cost must weigh zero or more")
    whole = sum((Decimal(weights[name]) for name in names), Decimal(0))
    if not whole:
        raise ValueError(f"{cost} cannot be shared: give at least one share a weight above zero")
    amounts = cost.split([weights[name] for name in names])
    return tuple(
        CostShare(name=name, share=Decimal(weights[name]) / whole, amount=amount)
        for name, amount in zip(names, amounts, strict=True)
    )
