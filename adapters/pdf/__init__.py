"""Invoices and credit notes as PDF: the same document gives the same bytes, on any machine and at any time."""

from adapters.pdf.press import print_pdf

__all__ = ["print_pdf"]
