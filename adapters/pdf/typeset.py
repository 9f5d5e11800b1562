"""Words as they are set: on one line where they fit, which costs little, else by reportlab's paragraphs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from adapters.pdf.fonts import knows, set_in_known_glyphs

_ANY_HEIGHT = 1e6


class Typeset(Protocol):
    """Something of a known height; points, as everywhere on a page."""

    @property
    def height(self) -> float:
        """From its top to where the next one may begin."""

    def draw(self, canvas: Canvas, x: float, top: float) -> None:
        """Put it on the page, with its upper left corner at `x` and `top`."""


@dataclass(frozen=True, slots=True)
class OneLine:
    """Satisfies `Typeset`; `indent` is how far from the left edge it begins."""

    text: str
    style: ParagraphStyle
    indent: float

    @property
    def height(self) -> float:
        return float(self.style.leading)

    def draw(self, canvas: Canvas, x: float, top: float) -> None:
        if not self.text:
            return
        style = self.style
        # The canvas would write the same colour again before every word.
        if canvas._fillColorObj is not style.textColor:
            canvas.setFillColor(style.textColor)
        canvas.setFont(style.fontName, style.fontSize)
        # Where a paragraph has its first line, so that both stand level in a row.
        line = canvas.beginText(x + self.indent, top - style.fontSize)
        line.textLine(self.text)
        canvas.drawText(line)


@dataclass(frozen=True, slots=True)
class Wrapped:
    """Satisfies `Typeset` with words that need more lines, or another face."""

    paragraph: Paragraph
    height: float

    def draw(self, canvas: Canvas, x: float, top: float) -> None:
        self.paragraph.drawOn(canvas, x, top - self.height)


def words(text: str, style: ParagraphStyle, room: float) -> Typeset:
    """Text set in a style, at most `room` wide; whatever it holds is words and never markup."""
    width = _width(text, style.fontName, style.fontSize)
    if width is not None and width <= room:
        return OneLine(text, style, room - width if style.alignment == TA_RIGHT else 0.0)
    paragraph = Paragraph(set_in_known_glyphs(text, style.fontName), style)
    _, height = paragraph.wrap(room, _ANY_HEIGHT)
    return Wrapped(paragraph, float(height))


# Labels, units and prices come again on every document.
@lru_cache(maxsize=8_192)
def _width(text: str, face: str, size: float) -> float | None:
    """How wide the text is on one line; None where the face lacks a glyph, or blanks would have to be joined."""
    plain = knows(text, face) and text == text.strip() and "  " not in text
    return float(stringWidth(text, face, size)) if plain else None
