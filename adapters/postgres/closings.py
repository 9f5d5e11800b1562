"""Where usage that comes in and the closing of a period meet: one lock, shared by loads, taken alone by whoever closes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.tables import period_closings

# Any number that no other advisory lock uses.
_LOCK = 7246112


def let_usage_in(connection: Connection) -> None:
    """Hold the lock that all loads share until the transaction ends; waits while a period is being closed.

    To be called before a load reads `period_closings`, so that what it takes for on time is stored before the cutoff.
    """
    connection.execute(select(func.pg_advisory_xact_lock_shared(_LOCK)))


def close_period(connection: Connection, period: str, run_id: str, now: datetime) -> datetime:
    """Close a period for usage once the running loads have ended; answers the cutoff, the first one if it was closed."""
    connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    closing = insert(period_closings).values(period=period, cutoff=now, run_id=run_id)
    connection.execute(closing.on_conflict_do_nothing())
    cutoff = cutoff_of(connection, period)
    assert cutoff is not None  # noqa: S101 - it was there, or has just been written
    return cutoff


def cutoff_of(connection: Connection, period: str) -> datetime | None:
    """The moment after which usage of the period is late; None while the period is open."""
    cutoff: datetime | None = connection.execute(
        select(period_closings.c.cutoff).where(period_closings.c.period == period)
    ).scalar_one_or_none()
    return cutoff
