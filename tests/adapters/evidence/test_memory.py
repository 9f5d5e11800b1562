"""A large export streams: what it takes in memory does not follow from how many events there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from sqlalchemy import text

from tests.adapters.evidence.world import World

EVENTS = 200_000
# Some blocks of 4 MB and Parquet's own. Rows kept as Python objects would take several times as much.
GROWTH_MB_MAX = 100

MANY_EVENTS = text("""
    insert into usage_events
    select gen_random_uuid(), 'acme', timestamptz '2026-10-01 00:00Z' + number * interval '13 seconds', 'api_calls',
        1 + number % 100, '/v1/answers/' || number % 7, null, 'model-' || number % 4, gen_random_uuid(), 'key-1'
    from generate_series(1, :events) as number
""")


@contextmanager
def watched_memory() -> Iterator[list[float]]:
    """The resident megabytes of this process above what it had at the start, sampled while the block runs."""
    process, samples, done = psutil.Process(), [0.0], threading.Event()
    before = process.memory_info().rss

    def sample() -> None:
        while not done.wait(0.005):
            samples.append((process.memory_info().rss - before) / 1e6)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield samples
    finally:
        done.set()
        sampler.join()


def test_two_hundred_thousand_events_are_exported_in_bounded_memory(world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(MANY_EVENTS, {"events": EVENTS})
    scope = world.scope()

    with watched_memory() as megabytes:
        pack = world.collect(scope)

    assert pack.events == EVENTS
    assert max(megabytes) < GROWTH_MB_MAX
