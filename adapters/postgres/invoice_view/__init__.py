"""Issued documents as people read them: listed, shown with what they lead to, explained, exported."""

from adapters.postgres.invoice_view.explaining import EVENTS_MAX, EventsBehind, ExplainedInvoice
from adapters.postgres.invoice_view.exporting import ExportFormat
from adapters.postgres.invoice_view.listing import DocumentPage, DocumentRow, Wanted
from adapters.postgres.invoice_view.showing import ShownCreditNote, ShownInvoice
from adapters.postgres.invoice_view.view import InvoiceView

__all__ = [
    "EVENTS_MAX",
    "DocumentPage",
    "DocumentRow",
    "EventsBehind",
    "ExplainedInvoice",
    "ExportFormat",
    "InvoiceView",
    "ShownCreditNote",
    "ShownInvoice",
    "Wanted",
]
