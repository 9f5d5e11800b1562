"""TrueType faces that remember what they embed: documents share most of their characters, and often all of them."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from reportlab.lib.rl_accel import fp_str
from reportlab.pdfbase.pdfdoc import PDFArray, PDFTrueTypeFont, PDFZCompress
from reportlab.pdfbase.ttfonts import TTFont, TTFontFace

# Each takes about 20 KB, and a house's documents need some dozen.
_SUBSETS_KEPT = 128


class KeptFont(TTFont):  # type: ignore[misc] # reportlab has no types
    """A font whose subsets are made, and compressed, once for as many documents as hold the same characters."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(name, file)
        self.face = _KeptFace(file)

    def addObjects(self, doc: Any) -> None:  # noqa: N802 - reportlab's name
        """Put the font into a document, with the list of its widths as it was written before."""
        super().addObjects(doc)
        for font in doc.idToObject["BasicFonts"].dict.values():
            if isinstance(font, PDFTrueTypeFont) and isinstance(font.Widths, PDFArray):
                font.Widths = _list_of(tuple(font.Widths.sequence))


class _KeptFace(TTFontFace):  # type: ignore[misc] # reportlab has no types
    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._made = lru_cache(_SUBSETS_KEPT)(lambda characters: super(_KeptFace, self).makeSubset(characters))
        self._written = cache(lambda character: fp_str(super(_KeptFace, self).getCharWidth(character)).encode())

    def makeSubset(self, subset: list[int]) -> bytes:  # noqa: N802 - reportlab's name
        return bytes(self._made(tuple(subset)))

    def getCharWidth(self, code: int) -> bytes:  # noqa: N802 - reportlab's name
        """As it stands in the file: the library would write the same numbers out anew for every document."""
        return bytes(self._written(code))

    def addSubsetObjects(self, doc: Any, fontname: str, subset: list[int]) -> Any:  # noqa: N802 - reportlab's name
        reference = super().addSubsetObjects(doc, fontname, subset)
        for stream in (f"fontFile:{self.filename}({fontname})", f"toUnicodeCMap:{fontname}"):
            doc.idToObject[stream].filters = [_KeptCompression]
        return reference


@lru_cache(_SUBSETS_KEPT)
def _list_of(widths: tuple[bytes, ...]) -> bytes:
    return bytes(PDFArray(widths).format(None))


class _KeptCompression:
    """The library's compression for streams that come again."""

    pdfname = PDFZCompress.pdfname

    @staticmethod
    @lru_cache(_SUBSETS_KEPT)
    def encode(content: str | bytes) -> bytes:
        return bytes(PDFZCompress.encode(content))
