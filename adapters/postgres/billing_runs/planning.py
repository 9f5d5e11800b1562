"""Statements whose plans must not outlive the shard they were made for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from adapters.postgres.engine import driver_of

_BY_INDEX = text("""
    select set_config('enable_seqscan', 'off', true), set_config('max_parallel_workers_per_gather', '0', true),
        set_config('work_mem', '32MB', true)
""")
_AS_USUAL = (
    text("set local enable_seqscan to default"),
    text("set local max_parallel_workers_per_gather to default"),
    text("set local work_mem to default"),
)


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


@contextmanager
def found_by_index(connection: Connection) -> Iterator[None]:
    """Let an aggregate over a shard fetch its rows by index and group them in memory, whatever the size of the table.

    The planner reads a whole table of a million rows for a tenth of it, and in one of ten million starts workers of its own
    and sorts, because it guesses far more groups than there are: four and two times as long.
    """
    connection.execute(_BY_INDEX)
    yield
    for statement in _AS_USUAL:
        connection.execute(statement)
