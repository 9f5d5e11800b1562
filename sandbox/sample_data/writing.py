"""Writing rows that may be there already: what an earlier load wrote stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key or unique values are not taken yet."""
    connection.execute(insert(table).on_conflict_do_nothing(), list(rows))
