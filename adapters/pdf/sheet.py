"""Pages while they are filled from the top down: every mark has its place before the first is drawn, so pages can be counted.

Set directly on the canvas: reportlab's own page templates and tables take three times as long for a page, and a month end
prints every document there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from adapters.pdf.styles import BOTTOM, MARGIN, PAGE, TOP
from adapters.pdf.typeset import Typeset

_TOP_EDGE = PAGE[1] - TOP


class _Placed(NamedTuple):
    block: Typeset
    x: float
    top: float

    def draw(self, canvas: Canvas) -> None:
        self.block.draw(canvas, self.x, self.top)


class _Rule(NamedTuple):
    start: float
    end: float
    y: float
    weight: float
    colour: Color

    def draw(self, canvas: Canvas) -> None:
        canvas.setStrokeColor(self.colour)
        canvas.setLineWidth(self.weight)
        canvas.line(self.start, self.y, self.end, self.y)


class Sheet:
    """Distances across are from the left margin; `top` is where the next thing goes."""

    def __init__(self) -> None:
        self._pages: list[list[_Placed | _Rule]] = [[]]
        self.top = _TOP_EDGE

    @property
    def pages(self) -> int:
        """How many there are so far."""
        return len(self._pages)

    def fits(self, height: float) -> bool:
        """Whether so much fits below what is there; an empty page takes whatever comes."""
        return bool(self.top - height >= BOTTOM or self.top == _TOP_EDGE)

    def turn(self) -> None:
        """Go on at the top of a new page."""
        self._pages.append([])
        self.top = _TOP_EDGE

    def skip(self, height: float) -> None:
        """Leave room, unless the page has just begun."""
        if self.top != _TOP_EDGE:
            self.top -= height

    def stack(self, x: float, blocks: Sequence[Typeset], *, below: float = 0.0) -> float:
        """Put blocks under one another, `below` the place that is next; returns how far down they reach, and stays there."""
        depth = below
        for block in blocks:
            self._pages[-1].append(_Placed(block, MARGIN + x, self.top - depth))
            depth += block.height
        return depth

    def rule(self, start: float, end: float, weight: float, colour: Color) -> None:
        """A line across, at the place that is next."""
        self._pages[-1].append(_Rule(MARGIN + start, MARGIN + end, self.top, weight, colour))

    def draw(self, canvas: Canvas, page: int) -> None:
        """Every mark of a page, the first being 0."""
        for mark in self._pages[page]:
            mark.draw(canvas)
