"""The monthly partitions of usage events and request logs: made ahead, since an event without its month is refused."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Connection, Engine, text

from adapters.postgres.engine import transaction

# Long enough for a forgotten quarter.
AHEAD = timedelta(days=190)

KEPT_IN_MONTHS = ("usage_events", "request_logs")


def make_months(connection: Connection, first: date, last: date) -> int:
    """Make the partitions of every UTC month from `first`'s to `last`'s; returns how many were missing."""
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    make = text("select create_month_partitions(cast(:parent as regclass), :first, :months)")
    return sum(
        connection.execute(make, {"parent": table, "first": first, "months": months}).scalar_one()
        for table in KEPT_IN_MONTHS
    )


def make_months_ahead(engine: Engine, today: date) -> int:
    """Make last month's partitions to those of `AHEAD` from today; returns how many were missing."""
    with transaction(engine) as connection:
        return make_months(connection, today.replace(day=1) - timedelta(days=1), today + AHEAD)
