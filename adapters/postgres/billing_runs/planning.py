"""Statements whose plans must not outlive the shard they were made for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from adapters.postgres.engine import driver_of

_IN_INDEX_ORDER = text("""
    select set_config('enable_bitmapscan', 'off', true), set_config('enable_hashagg', 'off', true),
        set_config('max_parallel_workers_per_gather', '0', true)
""")
_AS_USUAL = (
    text("set local enable_bitmapscan to default"),
    text("set local enable_hashagg to default"),
    text("set local max_parallel_workers_per_gather to default"),
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
def in_index_order(connection: Connection) -> Iterator[None]:
    """Let an aggregate walk along the index that has its groups together already.

    The planner holds every page of a large table for far away: it fetches them by a bitmap, with workers of their own, and
    then sorts what the index would have given in order. That took four times as long for a thousand tenants out of a
    hundred thousand, and the processors of others.
    """
    connection.execute(_IN_INDEX_ORDER)
    yield
    for statement in _AS_USUAL:
        connection.execute(statement)
