"""The monthly partitions of usage events and request logs: made ahead, since an event without its month is refused."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

KEPT_IN_MONTHS = ("usage_events", "request_logs")


def make_months(connection: Connection, first: date, last: date) -> int:
    """Make the partitions of every UTC month from `first`'s to `last`'s; returns how many were missing."""
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    make = text("select create_month_partitions(cast(:parent as regclass), :first, :months)")
    return sum(
        connection.execute(make, {"parent": table, "first": first, "months": months}).scalar_one()
        for table in KEPT_IN_MONTHS
    )
