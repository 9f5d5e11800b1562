"""Bar charts without a script: rectangles in an SVG whose every bar is a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

# In units of the drawing, which is stretched to whatever room the page has.
BAR, GAP, HEIGHT = 10, 3, 100
# A bar that is not nothing is seen.
_LOWEST = Decimal(2)


@dataclass(frozen=True)
class Bar:
    """One bar: its text on hovering, and where a click leads."""

    x: int
    y: str
    height: str
    title: str
    address: str


@dataclass(frozen=True)
class Chart:
    """Bars in a drawing of `width` by `HEIGHT`, scaled so that the largest fills it; one mark below each, most empty."""

    bars: tuple[Bar, ...]
    marks: tuple[str, ...]
    largest: Decimal
    width: int
    height: int = HEIGHT
    bar: int = BAR
    step: int = BAR + GAP


def bar_chart(values: Sequence[tuple[Decimal, str, str]], marks: Mapping[int, str]) -> Chart:
    """A chart of (quantity, title, address) in the given order, with marks at some places; what is below zero is drawn
    as nothing."""
    largest = max((quantity for quantity, _, _ in values), default=Decimal(0))
    bars = []
    for place, (quantity, title, address) in enumerate(values):
        height = max(_LOWEST, quantity / largest * HEIGHT) if quantity > 0 else Decimal(0)
        bars.append(Bar(place * (BAR + GAP), f"{HEIGHT - height:.2f}", f"{height:.2f}", title, address))
    below = tuple(marks.get(place, "") for place in range(len(values)))
    return Chart(tuple(bars), below, largest, max(BAR, len(values) * (BAR + GAP) - GAP))
