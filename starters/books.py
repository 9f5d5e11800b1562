"""The way into the books, for whoever reads them while a person waits."""

from __future__ import annotations

from datetime import timedelta

from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine
from settings import Settings

# The long reads of an investigation have an engine of their own.
_READ_WITHIN = timedelta(seconds=10)


def open_books(settings: Settings) -> Books:
    """Open them; nothing is connected before the first question. Raises SettingsError without a database."""
    url = settings.need("database_url").database_url
    assert url is not None  # noqa: S101 - needed above
    engine = open_engine(url.get_secret_value(), application="console", statement_timeout=_READ_WITHIN)
    return Books.over(engine, speed=settings.speed, documents=settings.documents)
