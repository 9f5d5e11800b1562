"""Issued documents as rows: reading them, and writing a new one; an issued one is never edited."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, RowMapping, insert, or_, select

from adapters.postgres.dictionaries import keep_prices, price_sha256
from adapters.postgres.engine import transaction
from adapters.postgres.tables import invoice_lines, invoices, prices
from adapters.postgres.tables.documents import InvoiceKind
from billing.failures import BillingFailure, FailureCode
from billing.invoices import Invoice, InvoiceStatus

NOT_IN_FORCE = (InvoiceStatus.DRAFT.value, InvoiceStatus.VOID.value)


class Invoices:
    """Satisfies `InvoiceArchive`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def latest(self, tenant_id: str, period: str) -> Invoice | None:
        newest = (
            select(invoices)
            .where(invoices.c.tenant_id == tenant_id, invoices.c.period == period)
            .where(invoices.c.kind == InvoiceKind.USAGE.value, invoices.c.status.not_in(NOT_IN_FORCE))
            .order_by(invoices.c.revision.desc())
            .limit(1)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(newest).mappings().one_or_none()
            return _with_lines(connection, row) if row else None

    def get(self, invoice_id: str) -> Invoice:
        with transaction(self._engine) as connection:
            return read_invoice(connection, invoice_id)

    def named(self, name: str) -> Invoice:
        """The document with this id, else with this number printed on it; raises NOT_FOUND."""
        with transaction(self._engine) as connection:
            return read_invoice(connection, document_called(connection, name) or name)

    def issue(self, invoice: Invoice) -> None:
        """Write a document with its lines; CONFLICT when its number or its period and revision are taken."""
        with transaction(self._engine) as connection:
            write_invoice(connection, invoice)


def document_called(connection: Connection, name: str) -> str | None:
    """The id of the issued document with this id, else with this number printed on it; None without one."""
    called_so = (
        select(invoices.c.invoice_id)
        .where(or_(invoices.c.invoice_id == name, invoices.c.number == name), invoices.c.number.is_not(None))
        .order_by((invoices.c.invoice_id == name).desc())
        .limit(1)
    )
    return connection.execute(called_so).scalar()


def newest_revision(connection: Connection, invoice_id: str) -> str:
    """The id of the document's newest issued revision; raises NOT_FOUND."""
    this, other = invoices.alias("this"), invoices.alias("other")
    newest = (
        select(other.c.invoice_id)
        .join(this, (this.c.tenant_id == other.c.tenant_id) & (this.c.period == other.c.period))
        .where(this.c.invoice_id == invoice_id, this.c.kind == other.c.kind, other.c.number.is_not(None))
        .order_by(other.c.revision.desc())
        .limit(1)
    )
    found: str | None = connection.execute(newest).scalar()
    if found is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no invoice {invoice_id}")
    return found


def read_invoice(connection: Connection, invoice_id: str) -> Invoice:
    """The document with its lines; raises NOT_FOUND, for a draft too: nobody may build on one."""
    row = connection.execute(select(invoices).where(invoices.c.invoice_id == invoice_id)).mappings().one_or_none()
    if row is None or row["number"] is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no invoice {invoice_id}")
    return _with_lines(connection, row)


def write_invoice(connection: Connection, invoice: Invoice, *, dispute_note: str | None = None) -> None:
    """Insert a validated document and its lines inside the caller's transaction."""
    document = invoice.model_dump(exclude={"lines"}) | {"dispute_note": dispute_note}
    connection.execute(insert(invoices).values(document))
    applied = [line.applied_price for line in invoice.lines if line.applied_price]
    ids = keep_prices(connection, applied)
    lines = [
        line.model_dump(exclude={"applied_price"})
        | {"invoice_id": invoice.invoice_id}
        | {"price_id": line.applied_price and ids[price_sha256(line.applied_price)]}
        for line in invoice.lines
    ]
    if lines:
        connection.execute(insert(invoice_lines), lines)


def lock_revisions(connection: Connection, invoice_id: str) -> Sequence[RowMapping]:
    """Every revision of the document, the original first, locked against any other credit until the transaction ends.

    Raises NOT_FOUND. Whoever books a credit on a document comes through here, so two never count the same money.
    """
    this = select(invoices.c.tenant_id, invoices.c.period, invoices.c.kind).where(invoices.c.invoice_id == invoice_id)
    key = connection.execute(this).one_or_none()
    if key is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no invoice {invoice_id}")
    revisions = (
        select(invoices)
        .where(invoices.c.tenant_id == key.tenant_id, invoices.c.period == key.period, invoices.c.kind == key.kind)
        .order_by(invoices.c.revision)
        .with_for_update(key_share=True)
    )
    # The lock waits for the other booking, but its answer is as old as the question: only asking again shows a new revision.
    connection.execute(revisions)
    return connection.execute(revisions).mappings().all()


def _with_lines(connection: Connection, row: RowMapping) -> Invoice:
    of_invoice = (
        select(invoice_lines, prices.c.price.label("applied_price"))
        .outerjoin(prices, prices.c.price_id == invoice_lines.c.price_id)
        .where(invoice_lines.c.invoice_id == row["invoice_id"])
        .order_by(invoice_lines.c.number)
    )
    lines = connection.execute(of_invoice).mappings().all()
    return Invoice.model_validate(dict(row) | {"lines": [dict(line) for line in lines]})
