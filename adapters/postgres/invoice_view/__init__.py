"""Issued documents as people read them: listed."""

from adapters.postgres.invoice_view.listing import DocumentPage, DocumentRow, Wanted
from adapters.postgres.invoice_view.view import InvoiceView

__all__ = ["DocumentPage", "DocumentRow", "InvoiceView", "Wanted"]
