"""What people ask of issued documents, each question in one transaction."""

from __future__ import annotations

from sqlalchemy import Engine

from adapters.postgres.engine import transaction
from adapters.postgres.exports.files import CountedFile
from adapters.postgres.exports.streaming import Noting
from adapters.postgres.invoice_view.explaining import ExplainedInvoice, explain_invoice
from adapters.postgres.invoice_view.exporting import ExportFormat, count_documents, export_documents
from adapters.postgres.invoice_view.listing import DocumentPage, Wanted, read_page
from adapters.postgres.invoice_view.showing import ShownCreditNote, ShownInvoice, read_document, read_issued
from adapters.postgres.tenants import Tenants
from billing.evidence import EvidenceFile

EVERYTHING = Wanted()


class InvoiceView:
    """Reads of issued documents; drafts are nobody's business before they are issued."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tenants = Tenants(engine)

    def page(self, wanted: Wanted = EVERYTHING, *, after: str | None = None, limit: int = 100) -> DocumentPage:
        """Up to `limit` documents, the highest number first; the next ones come after the page's `after`."""
        with transaction(self._engine) as connection:
            return read_page(connection, wanted, after=after, limit=limit)

    def show(self, name: str) -> ShownInvoice | ShownCreditNote:
        """The document with this number, or the invoice with this id; raises NOT_FOUND, naming the nearest numbers."""
        with transaction(self._engine) as connection:
            return read_document(connection, name)

    def explain(self, name: str, *, rows: int = 0) -> ExplainedInvoice:
        """How each line came to be, with the first `rows` raw events behind each that bills usage.

        Raises NOT_FOUND, and INVALID for a credit note, which has no lines of its own.
        """
        with transaction(self._engine) as connection:
            invoice = read_issued(connection, name)
        tenant, contracts = self._tenants.find(invoice.tenant_id), self._tenants.contracts(invoice.tenant_id)
        assert tenant is not None  # noqa: S101 - an invoice references its tenant
        with transaction(self._engine) as connection:
            return explain_invoice(connection, invoice, tenant, contracts, rows=rows)

    def count(self, period: str) -> int:
        """How many documents a month has, credit notes among them."""
        return count_documents(self._engine, period)

    def export(
        self, period: str, form: ExportFormat, file: CountedFile, noting: Noting, *, lines: bool = False
    ) -> EvidenceFile:
        """Write the month's documents, or their lines, by number, in bounded memory; says what was written."""
        return export_documents(self._engine, period, form, file, noting, lines=lines)
