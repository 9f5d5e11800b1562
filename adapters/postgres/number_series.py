"""Gapless numbers: a series is locked until its documents are committed, so that an aborted document gives its number back."""

from __future__ import annotations

from sqlalchemy import Connection, text

_TAKE = text("""
    insert into number_series as series (series, last) values (:series, :count)
    on conflict (series) do update set last = series.last + excluded.last
    returning last
""")


def number_in_sql(series: str, place: str) -> str:
    """The expression that writes a number as `take_numbers` does: six digits, or as many as it takes."""
    return f"{series} || '-' || lpad(cast({place} as text), greatest(6, length(cast({place} as text))), '0')"


def take_numbers(connection: Connection, series: str, count: int) -> list[str]:
    """The next `count` numbers of a series, such as `INV-2026-000042`.

    Everybody else who wants one waits until this transaction ends: take them as late as possible, and of several series
    always in the same order.
    """
    last = connection.execute(_TAKE, {"series": series, "count": count}).scalar_one()
    return [f"{series}-{number:06d}" for number in range(last - count + 1, last + 1)]
