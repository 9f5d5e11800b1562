"""How quantities, shares and unit prices are written in sentences: thousands separated, no trailing zeros, never 1E+3."""

from __future__ import annotations

from decimal import Decimal

from billing.money import MINOR_UNIT_PLACES


def written(quantity: Decimal | int) -> str:
    """A quantity as people read it: `1,204`, `0.5`, `-3`."""
    text = f"{Decimal(quantity):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(number: int, noun: str) -> str:
    """A number with its regular noun: `1 event`, `1,204 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def units(quantity: Decimal) -> str:
    """A quantity in billable units: `1 unit`, `2,408 units`."""
    return f"{written(quantity)} {'unit' if quantity == 1 else 'units'}"


def percent(share: Decimal) -> str:
    """A share of one as a percentage with at most two decimals: `0.1` is `10 %`, `0.00416` is `0.42 %`."""
    return f"{written(round(share * 100, 2))} %"


def unit_price(unit_amount: Decimal, currency: str) -> str:
    """A price a unit, given in minor units, in major ones: `0.012` minor units of USD are `USD 0.00012`."""
    return f"{currency} {written(unit_amount.scaleb(-MINOR_UNIT_PLACES[currency]))}"
