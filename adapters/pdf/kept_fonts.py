"""TrueType faces that remember what they embed: documents share most of their characters, and often all of them."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from reportlab.lib.rl_accel import fp_str
from reportlab.pdfbase.pdfdoc import PDFZCompress
from reportlab.pdfbase.ttfonts import TTFont, TTFontFace

# Each takes about 20 KB, and a house's documents need some dozen.
_SUBSETS_KEPT = 128


class KeptFont(TTFont):  # type: ignore[misc] # reportlab has no types
    """A font whose subsets are made, and compressed, once for as many documents as hold the same characters."""

    def __init__(self, name: str, file: Path) -> None:
        super().__init__(name, file)
        self.face = _KeptFace(file)


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
        doc.idToObject[f"fontFile:{self.filename}({fontname})"].filters = [_KeptCompression]
        return reference


class _KeptCompression:
    """The library's compression for streams that come again."""

    pdfname = PDFZCompress.pdfname

    @staticmethod
    @lru_cache(_SUBSETS_KEPT)
    def encode(content: bytes) -> bytes:
        return bytes(PDFZCompress.encode(content))
