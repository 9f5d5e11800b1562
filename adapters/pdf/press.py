"""From a document to its bytes. Nothing of the moment or the machine goes in, so printing again gives the same file."""

from __future__ import annotations

from io import BytesIO

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

from adapters.pdf.page import laid_out
from adapters.pdf.styles import BOTTOM, MARGIN, PAGE, RULE, WIDTH, styles
from adapters.pdf.typeset import words
from adapters.pdf.wording import Wording
from billing.documents import PrintedDocument

# Mail is 8-bit clean where it matters, and text that stands for bytes is a fourth longer and slower to write.
rl_config.useA85 = 0


def print_pdf(document: PrintedDocument) -> bytes:
    """The document as PDF, A4, fonts embedded, pages numbered; equal documents give equal bytes."""
    wording = Wording(document)
    sheet = laid_out(document, wording)
    file = BytesIO()
    canvas = Canvas(file, pagesize=PAGE, invariant=1)  # neither the date of printing nor a random id
    canvas.setTitle(f"{wording.title} {document.number}")
    canvas.setAuthor(document.seller.name)
    canvas.setSubject(f"{wording.title} for {document.buyer.name}")
    canvas.setCreator("billing runbooks")
    for page in range(sheet.pages):
        sheet.draw(canvas, page)
        _foot(canvas, document, wording, f"Page {page + 1} of {sheet.pages}")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _foot(canvas: Canvas, document: PrintedDocument, wording: Wording, page: str) -> None:
    seller = document.seller
    parts = (seller.name, seller.tax_id and f"Tax id {seller.tax_id}", seller.email, seller.bank_details)
    canvas.setStrokeColor(RULE)
    canvas.setLineWidth(0.4)
    canvas.line(MARGIN, BOTTOM - 10, PAGE[0] - MARGIN, BOTTOM - 10)
    left, right = styles().foot, styles().foot_figure
    words(" · ".join(part for part in parts if part), left, WIDTH).draw(canvas, MARGIN, BOTTOM - 14.5)
    words(f"{wording.title} {document.number}", left, WIDTH * 0.8).draw(canvas, MARGIN, BOTTOM - 25.5)
    words(page, right, WIDTH * 0.2).draw(canvas, MARGIN + WIDTH * 0.8, BOTTOM - 25.5)
