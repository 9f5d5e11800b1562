"""Many workers, and many requests in the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from adapters.postgres.billing_runs import PostgresBillingRuns
from adapters.postgres.engine import open_engine


@contextmanager
def workers(url: str, count: int) -> Iterator[list[PostgresBillingRuns]]:
    """Each with connections of its own, as processes have."""
    engines = [open_engine(url, pool_size=1) for _ in range(count)]
    yield [PostgresBillingRuns(engine) for engine in engines]
    for engine in engines:
        engine.dispose()


def at_once(tasks: list[Callable[[], Any]]) -> list[Any]:
    start = Barrier(len(tasks))

    def begun(task: Callable[[], Any]) -> Any:
        start.wait()
        return task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(begun, tasks))
