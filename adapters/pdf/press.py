"""From a document to its bytes. Nothing of the moment or the machine goes in, so printing again gives the same file."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

from adapters.pdf.fonts import faces
from adapters.pdf.page import story
from adapters.pdf.styles import BOTTOM, MARGIN, PAGE, QUIET, RULE, TOP, WIDTH
from adapters.pdf.wording import Wording
from billing.documents import PrintedDocument


def print_pdf(document: PrintedDocument) -> bytes:
    """The document as PDF, A4, fonts embedded, pages numbered; equal documents give equal bytes."""
    wording = Wording(document)
    frame = Frame(
        MARGIN, BOTTOM, WIDTH, PAGE[1] - TOP - BOTTOM, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0
    )
    file = BytesIO()
    template = BaseDocTemplate(
        file,
        pagesize=PAGE,
        title=f"{wording.title} {document.number}",
        author=document.seller.name,
        subject=f"{wording.title} for {document.buyer.name}",
        creator="billing runbooks",
        invariant=1,  # neither the date of printing nor a random id
        pageTemplates=[PageTemplate(frames=[frame])],
    )
    template.build(story(document, wording), canvasmaker=_numbered(document, wording))
    return file.getvalue()


def _numbered(document: PrintedDocument, wording: Wording) -> type[Canvas]:
    """A canvas that holds pages back until their number is known, and writes the foot of each."""

    class NumberedCanvas(Canvas):  # type: ignore[misc] # reportlab has no types
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - reportlab's name
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, start=1):
                self.__dict__.update(page)
                _foot(self, document, wording, f"Page {number} of {len(self._pages)}")
                super().showPage()
            super().save()

    return NumberedCanvas


def _foot(canvas: Canvas, document: PrintedDocument, wording: Wording, page: str) -> None:
    seller = document.seller
    parts = (seller.name, seller.tax_id and f"Tax id {seller.tax_id}", seller.email, seller.bank_details)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.4)
    canvas.line(MARGIN, BOTTOM - 10, PAGE[0] - MARGIN, BOTTOM - 10)
    canvas.setFont(faces().regular, 7.5)
    canvas.setFillColor(QUIET)
    canvas.drawString(MARGIN, BOTTOM - 22, " · ".join(part for part in parts if part))
    canvas.drawString(MARGIN, BOTTOM - 33, f"{wording.title} {document.number}")
    canvas.drawRightString(PAGE[0] - MARGIN, BOTTOM - 33, page)
