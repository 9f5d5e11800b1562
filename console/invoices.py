"""Issued documents as JSON and as PDF, with an ETag so that nobody fetches the same one twice (P4)."""

import hashlib
import re
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from billing.disputes import Line
from billing.invoices import Invoice
from console.desk import AtDesk
from console.operators import SignedIn

router = APIRouter(tags=["invoices"])

# A number may hold slashes, as it stands on the paper.
Document = Annotated[
    Line, Path(min_length=1, description="the document's id or its number", examples=["INV-2026-10-0001"])
]


@router.head("/billing/invoices/{document:path}/pdf", include_in_schema=False)
@router.get(
    "/billing/invoices/{document:path}/pdf",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {}}, "description": "the document as it was issued"},
        304: {"description": "unchanged since the ETag in If-None-Match"},
    },
)
def pdf(document: Document, request: Request, desk: AtDesk, operator: SignedIn) -> Response:
    """An invoice, a corrected invoice or a credit note as PDF. Its ETag is the SHA-256 of its bytes, which never change."""
    number, sha256, content = desk.books.press.pdf(document)
    headers = {
        "ETag": f'"{sha256}"',
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'inline; filename="{_file_name(number)}.pdf"',
    }
    if _unchanged(request.headers.get("If-None-Match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/pdf", headers=headers)


@router.get(
    "/billing/invoices/{document:path}",
    response_model=Invoice,
    responses={304: {"description": "unchanged since the ETag in If-None-Match"}},
)
def invoice(document: Document, request: Request, desk: AtDesk, operator: SignedIn) -> Response:
    """One document with its lines; amounts in minor units. A correction is another document that names this one."""
    body = desk.books.invoices.named(document).model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if _unchanged(request.headers.get("If-None-Match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _unchanged(if_none_match: str, etag: str) -> bool:
    """If-None-Match compares weakly: a proxy may have marked our tag as weak on its way."""
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag in known


def _file_name(number: str) -> str:
    """The number as a file may be called everywhere."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", number)
