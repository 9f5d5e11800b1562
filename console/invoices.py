"""Issued documents listed, shown with what they lead to, explained, and as PDF; with ETags, so that none is sent twice (P4)."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from adapters.postgres.invoice_view import (
    EVENTS_MAX,
    DocumentPage,
    ExplainedInvoice,
    ShownCreditNote,
    ShownInvoice,
    Wanted,
)
from billing.disputes import Line
from billing.documents import DocumentKind, file_name
from billing.invoices import InvoiceStatus
from billing.money import MINOR_UNIT_PLACES
from billing.spelling import Spelled
from billing.tenants import TenantId
from console.desk import AtDesk
from console.operators import SignedIn

router = APIRouter(tags=["invoices"])

# A number may hold slashes, as it stands on the paper.
Document = Annotated[
    Line, Path(min_length=1, description="the document's id or its number", examples=["INV-2026-10-0001"])
]
Period = Annotated[str, Spelled(r"[12][0-9]{3}-(0[1-9]|1[0-2])", "write the month as yyyy-mm, for example 2026-10")]
Billed = Annotated[
    str,
    Spelled(f"({'|'.join(sorted(MINOR_UNIT_PLACES))})", "write the code of a currency that we bill in, such as EUR"),
]
After = Annotated[Line, Query(min_length=1, description="the `after` of the page before")]


@router.get("/billing/invoices")
def documents(
    desk: AtDesk,
    operator: SignedIn,
    tenant_id: TenantId | None = None,
    period: Period | None = None,
    status: InvoiceStatus | None = None,
    currency: Billed | None = None,
    kind: DocumentKind | None = None,
    after: After | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> DocumentPage:
    """Issued documents, the highest number first; `after` leads to the next page and is null on the last. Credit notes
    have no status."""
    wanted = Wanted(tenant_id=tenant_id, period=period, status=status, currency=currency, kind=kind)
    return desk.books.documents.page(wanted, after=after, limit=limit)


@router.get("/billing/invoices/{document:path}/explain")
def explain(
    document: Document,
    desk: AtDesk,
    operator: SignedIn,
    rows: Annotated[int, Query(ge=0, le=EVENTS_MAX, description="raw events behind each line of usage")] = 0,
) -> ExplainedInvoice:
    """How each line came to be, in words and numbers, with the days of usage it was rated from and the first `rows` raw
    events behind them. 422 for a credit note, which has no lines of its own."""
    return desk.books.documents.explain(document, rows=rows)


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
        "Content-Disposition": f'inline; filename="{file_name(number)}"',
    }
    if _unchanged(request.headers.get("If-None-Match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/pdf", headers=headers)


@router.get(
    "/billing/invoices/{document:path}",
    response_model=ShownInvoice | ShownCreditNote,
    responses={304: {"description": "unchanged since the ETag in If-None-Match"}},
)
def invoice(document: Document, request: Request, desk: AtDesk, operator: SignedIn) -> Response:
    """One document with its lines and links; amounts in minor units. A correction is another document that names this one,
    and a credit note says what it takes off."""
    body = desk.books.documents.show(document).model_dump_json().encode()
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if _unchanged(request.headers.get("If-None-Match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _unchanged(if_none_match: str, etag: str) -> bool:
    """If-None-Match compares weakly: a proxy may have marked our tag as weak on its way."""
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag in known
