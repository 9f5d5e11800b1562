"""Issued documents printed from the books, once each, and again to the byte when a file has gone missing."""

from adapters.postgres.press.printing import Press

__all__ = ["Press"]
