"""Gapless numbers: a series is locked until its documents are committed, so that an aborted document gives its number back.

Everybody else who wants a number waits until that transaction ends: take them as late as possible, and of several series
always in the same order.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_TAKE = text("""
    insert into number_series as series (series, last) values (:series, 1)
    on conflict (series) do update set last = series.last + excluded.last
    returning last
""")


def next_number(connection: Connection, series: str) -> str:
    """The next number of a series, such as `CN-2026-000042`."""
    return f"{series}-{connection.execute(_TAKE, {'series': series}).scalar_one():06d}"


def number_in_sql(series: str, place: str) -> str:
    """The expression that writes a number as `next_number` does: six digits, or as many as it takes."""
    return f"{series} || '-' || lpad(cast({place} as text), greatest(6, length(cast({place} as text))), '0')"
