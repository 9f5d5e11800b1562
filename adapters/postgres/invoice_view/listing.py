"""Issued documents in pages: invoices, their corrected revisions and credit notes, the highest number first.

A page begins behind the last number that was shown, along the index of the numbers, so the last page costs what the first
does and a document that is issued meanwhile shifts none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Text,
    case,
    cast,
    literal,
    null,
    select,
    text,
    union_all,
)

from adapters.postgres.tables import credit_notes, invoices
from billing.documents import DocumentKind
from billing.invoices import InvoiceStatus
from billing.money import Money

# Each step of the recursion is one look into the index that begins with the period: there are as many as months, and no
# index begins with the tenant.
_PERIODS = text("""
    with recursive known(period) as (
        (select max(period) from invoices)
        union all
        select (select max(period) from invoices where invoices.period < known.period) from known
        where known.period is not null
    )
    select period from known where period is not null
""")


class DocumentRow(BaseModel):
    """One document; `total_minor` in minor units, below zero for a credit note, which has neither status nor `due_minor`.

    `invoice_id` is the document's own, for a credit note that of the invoice it corrects; `corrects` is a number.
    """

    model_config = ConfigDict(frozen=True)

    number: str
    kind: DocumentKind
    invoice_id: str
    tenant_id: str
    period: str
    status: InvoiceStatus | None
    currency: str
    total_minor: int
    due_minor: int | None
    issued_at: AwareDatetime
    corrects: str | None

    @property
    def total(self) -> Money:
        """`total_minor` with its currency."""
        return Money(minor=self.total_minor, currency=self.currency)

    @property
    def due(self) -> Money | None:
        """What was asked for when it was issued; None for a credit note."""
        return None if self.due_minor is None else Money(minor=self.due_minor, currency=self.currency)


class DocumentPage(BaseModel):
    """Some documents, and the number to go on after; None on the last page."""

    model_config = ConfigDict(frozen=True)

    documents: tuple[DocumentRow, ...]
    after: str | None


class Wanted(NamedTuple):
    """Which documents are meant; None does not narrow. Credit notes have no status."""

    tenant_id: str | None = None
    period: str | None = None
    status: InvoiceStatus | None = None
    currency: str | None = None
    kind: DocumentKind | None = None


def read_page(connection: Connection, wanted: Wanted, *, after: str | None, limit: int) -> DocumentPage:
    """Up to `limit` documents whose numbers come behind `after`."""
    parts = [_first(part, wanted, limit + 1) for part in _parts(connection, wanted, after)]
    every = union_all(*(select(part) for part in parts)).subquery()
    corrected = select(invoices.c.number).where(invoices.c.invoice_id == every.c.corrects_id).scalar_subquery()
    page = select(every, corrected.label("corrects")).order_by(every.c.number.desc()).limit(limit + 1)
    rows = connection.execute(page).mappings().all()
    shown = tuple(DocumentRow.model_validate(dict(row)) for row in rows[:limit])
    return DocumentPage(documents=shown, after=shown[-1].number if len(rows) > limit else None)


def _first(part: Select[Any], wanted: Wanted, limit: int) -> Subquery:
    """The highest numbers of a part. A month or a customer is read by its own index and then sorted: along the index of
    the numbers, which the order would otherwise follow, all that came later would lie before it."""
    number = part.selected_columns["number"]
    narrow = wanted.period is not None or wanted.tenant_id is not None
    return part.order_by((number.concat("") if narrow else number).desc()).limit(limit).subquery()


def _parts(connection: Connection, wanted: Wanted, after: str | None) -> list[Select[Any]]:
    """The invoices that are meant, and the credit notes, unless their kind or status rules them out."""
    periods = [wanted.period] if wanted.period else None
    if wanted.tenant_id and not periods:
        periods = list(connection.execute(_PERIODS).scalars())
    parts = []
    if wanted.kind is not DocumentKind.CREDIT_NOTE:
        parts.append(_narrowed(_invoices(wanted), invoices.c.number, wanted, periods, after))
    if wanted.kind in (None, DocumentKind.CREDIT_NOTE) and wanted.status is None:
        parts.append(_narrowed(_notes(), credit_notes.c.number, wanted, periods, after))
    return parts or [_invoices(wanted).where(literal(False))]


def _narrowed(
    part: Select[Any], number: Any, wanted: Wanted, periods: list[str] | None, after: str | None
) -> Select[Any]:
    if periods is not None:
        part = part.where(invoices.c.period.in_(periods))
    if wanted.tenant_id:
        part = part.where(invoices.c.tenant_id == wanted.tenant_id)
    if wanted.currency:
        part = part.where(invoices.c.currency == wanted.currency)
    return part.where(number < after) if after is not None else part


def _invoices(wanted: Wanted) -> Select[Any]:
    is_revised = invoices.c.revision > 1
    kind = case((is_revised, DocumentKind.CORRECTED_INVOICE.value), else_=DocumentKind.INVOICE.value)
    found = _columns(
        number=invoices.c.number,
        kind=kind,
        status=invoices.c.status,
        total_minor=invoices.c.total_minor,
        due_minor=invoices.c.total_minor - invoices.c.applied_credit_minor,
        issued_at=invoices.c.issued_at,
        corrects_id=invoices.c.corrects,
    ).where(invoices.c.number.is_not(None))
    if wanted.status is not None:
        found = found.where(invoices.c.status == wanted.status.value)
    if wanted.kind is not None:
        found = found.where(is_revised == (wanted.kind is DocumentKind.CORRECTED_INVOICE))
    return found


def _notes() -> Select[Any]:
    noted = _columns(
        number=credit_notes.c.number,
        kind=literal(DocumentKind.CREDIT_NOTE.value),
        status=cast(null(), Text),
        total_minor=-credit_notes.c.amount_minor,
        due_minor=cast(null(), BigInteger),
        issued_at=credit_notes.c.issued_at,
        corrects_id=invoices.c.invoice_id,
    )
    return noted.join_from(credit_notes, invoices, credit_notes.c.invoice_id == invoices.c.invoice_id)


def _columns(**own: ColumnElement[Any]) -> Select[Any]:
    """What a row says, under its name: the invoice's part, and what each part of the list says in its own way."""
    shared = (invoices.c.invoice_id, invoices.c.tenant_id, invoices.c.period, invoices.c.currency)
    return select(*shared, *(column.label(name) for name, column in own.items()))
