"""What people ask of issued documents, each question in one transaction."""

from __future__ import annotations

from sqlalchemy import Engine

from adapters.postgres.engine import transaction
from adapters.postgres.invoice_view.listing import DocumentPage, Wanted, read_page

EVERYTHING = Wanted()


class InvoiceView:
    """Reads of issued documents; drafts are nobody's business before they are issued."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: Wanted = EVERYTHING, *, after: str | None = None, limit: int = 100) -> DocumentPage:
        """Up to `limit` documents, the highest number first; the next ones come after the page's `after`."""
        with transaction(self._engine) as connection:
            return read_page(connection, wanted, after=after, limit=limit)
