"""Statements whose plans must not outlive the shard they were made for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from adapters.postgres.engine import driver_of


@contextmanager
def planned_anew(connection: Connection) -> Iterator[None]:
    """Let the server plan every statement with the sizes that tables have now.

    Within a run tables grow by orders of magnitude, and a prepared plan from its first shards would ruin the last ones.
    Forcing custom plans on the server would do the same to the checks of foreign keys, which are planned once and run for
    every row: it made a COPY of lines four times as slow.
    """
    driver = driver_of(connection)
    kept, driver.prepare_threshold = driver.prepare_threshold, None
    try:
        yield
    finally:
        driver.prepare_threshold = kept
