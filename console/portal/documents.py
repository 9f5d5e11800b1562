"""A tenant's own documents as PDF: invoices, corrected ones and credit notes, as they were issued."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from billing.disputes import Line
from billing.documents import file_name
from console.portal.refusals import unknown_page
from console.portal.visits import Visiting

router = APIRouter()

# As printed on it, with the slashes that an earlier system may have put there.
Number = Annotated[Line, Path(min_length=1)]


@router.get("/{link}/documents/{number:path}")
def pdf(visit: Visiting, number: Number) -> Response:
    """The document to keep; one of another tenant is the same page as one that never was."""
    books = visit.desk.books
    document = books.documents.show(number)
    if document.tenant_id != visit.tenant_id:
        raise unknown_page()
    _, _, content = books.press.pdf(document.number)
    # To be kept, not shown: what a page of the portal may do is less than a browser's own reader of PDF needs.
    disposition = f'attachment; filename="{file_name(document.number)}"'
    return Response(content, media_type="application/pdf", headers={"Content-Disposition": disposition})
