"""The faces a document is set in: Source Sans, embedded, and a Japanese one of the reader's for what it lacks."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont

from adapters.pdf.kept_fonts import KeptFont

_EAST_ASIAN = "HeiseiKakuGo-W5"


class Faces(NamedTuple):
    """The registered names of the regular and the bold face."""

    regular: str
    bold: str


@cache
def faces() -> Faces:
    """Register the fonts once a process."""
    spec = find_spec("font_source_sans_pro")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package font-source-sans-pro is not installed: install the requirements again")
    files = Path(spec.submodule_search_locations[0]) / "files"
    pdfmetrics.registerFont(KeptFont("Text", files / "SourceSansPro-Regular.ttf"))
    pdfmetrics.registerFont(KeptFont("Text-Bold", files / "SourceSansPro-Semibold.ttf"))
    pdfmetrics.registerFont(UnicodeCIDFont(_EAST_ASIAN))
    return Faces("Text", "Text-Bold")


@cache
def _characters(face: str) -> frozenset[str]:
    """The characters that a registered face has a glyph for."""
    return frozenset(map(chr, pdfmetrics.getFont(face).face.charToGlyph))


def knows(text: str, face: str) -> bool:
    """Whether `face` has a glyph for every character."""
    return _characters(face).issuperset(text)


def set_in_known_glyphs(text: str, face: str) -> str:
    """Text as paragraph markup: safe, and in the East Asian face where `face` has no glyph."""
    if knows(text, face):
        return escape(text)
    known = _characters(face)
    runs: list[str] = []
    run, foreign = "", False
    for character in text:
        if (character not in known) != foreign:
            runs.append(_run(run, foreign=foreign))
            run, foreign = "", not foreign
        run += character
    return "".join([*runs, _run(run, foreign=foreign)])


def _run(text: str, *, foreign: bool) -> str:
    return f'<font name="{_EAST_ASIAN}">{escape(text)}</font>' if foreign and text else escape(text)
