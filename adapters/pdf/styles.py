"""Colours, sizes and paragraph styles of a printed document; lengths in points on A4."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm

from adapters.pdf.fonts import faces

INK = HexColor(0x1A2433)
QUIET = HexColor(0x5B6778)
RULE = HexColor(0xC9D1DB)
ACCENT = HexColor(0x1F5FA8)

PAGE = A4
MARGIN = 20 * mm
TOP = 18 * mm
BOTTOM = 24 * mm
WIDTH = PAGE[0] - 2 * MARGIN


class Styles(NamedTuple):
    """One style for each kind of words on the page."""

    text: ParagraphStyle
    bold: ParagraphStyle
    quiet: ParagraphStyle
    figure: ParagraphStyle
    figure_bold: ParagraphStyle
    head: ParagraphStyle
    head_figure: ParagraphStyle
    title: ParagraphStyle
    due: ParagraphStyle
    foot: ParagraphStyle
    foot_figure: ParagraphStyle


@cache
def styles() -> Styles:
    """The styles, made once a process after the fonts are known."""
    face = faces()
    text = ParagraphStyle("text", fontName=face.regular, fontSize=9.2, leading=12.4, textColor=INK, splitLongWords=1)
    quiet = ParagraphStyle("quiet", text, fontSize=8, leading=10.6, textColor=QUIET)
    figure = ParagraphStyle("figure", text, alignment=TA_RIGHT)
    foot = ParagraphStyle("foot", quiet, fontSize=7.5, leading=9)
    return Styles(
        text=text,
        bold=ParagraphStyle("bold", text, fontName=face.bold),
        quiet=quiet,
        figure=figure,
        figure_bold=ParagraphStyle("figure_bold", figure, fontName=face.bold),
        head=ParagraphStyle("head", quiet, fontName=face.bold, textColor=QUIET),
        head_figure=ParagraphStyle("head_figure", quiet, fontName=face.bold, alignment=TA_RIGHT),
        title=ParagraphStyle("title", text, fontName=face.bold, fontSize=22, leading=26, textColor=ACCENT),
        due=ParagraphStyle("due", figure, fontName=face.bold, fontSize=12, leading=16),
        foot=foot,
        foot_figure=ParagraphStyle("foot_figure", foot, alignment=TA_RIGHT),
    )
