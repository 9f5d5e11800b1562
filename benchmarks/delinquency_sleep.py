"""Cases that sleep, and what it takes to wake them: measured at a worker in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from uuid import uuid4

import psutil
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.delinquency_bare import BareSleeper
from benchmarks.delinquency_world import InstantBooks, at_work
from billing.recovery import HOLDS_CHANGED, DelinquencyOrder
from workflows.delinquency import Delinquency

# A case that is woken by a hold looks, and puts on record what it saw.
NOTED_WHEN_WOKEN = 2
# A case and the retries of its invoice.
WORKFLOWS_A_CASE = 2
STARTED_AT_ONCE = 50
_QUIET_SECONDS, _QUIET_CPU = 2.0, 0.15


@dataclass(frozen=True)
class Slept:
    """A worker's own memory with so many sleeping cases; `kilobytes` for each workflow that its cache kept."""

    cases: int
    megabytes: float
    kilobytes: float


def slept(address: str, cases: int, cached: int) -> Slept:
    """Let cases begin and fall asleep, and weigh the worker; a cached workflow is what it grows by between a quarter of the
    cache and all of it, when everything that a worker needs once is there."""
    quarter = max(1, cached // (4 * WORKFLOWS_A_CASE))
    weights: list[float] = []
    with _worker(address, cached=cached) as (process, queue):
        # A few at a time: what is at work must fit into the cache, or it is thrown out and replayed while it begins.
        for first in range(0, cases, quarter):
            asyncio.run(_begin(address, queue, first, min(first + quarter, cases)))
            weights.append(_at_rest(process))
    filled = weights[:4]
    kept = (len(filled) - 1) * quarter * WORKFLOWS_A_CASE
    return Slept(cases, weights[-1] / 2**20, (filled[-1] - filled[0]) / 2**10 / kept)


def woken(address: str, cases: int, *, bare: bool) -> float:
    """Processor seconds of the worker for each case that a signal wakes and that falls asleep again."""
    with _worker(address, cached=cases * WORKFLOWS_A_CASE + 100, bare=bare) as (process, queue):
        asyncio.run(_begin(address, queue, 0, cases, bare=bare))
        _at_rest(process)
        asyncio.run(_wake(address, queue, cases, bare=bare))
        _at_rest(process)
        before = _cpu(process)
        asyncio.run(_wake(address, queue, cases, bare=bare))
        _at_rest(process)
        return (_cpu(process) - before) / cases


@contextmanager
def _worker(address: str, *, cached: int, bare: bool = False) -> Iterator[tuple[psutil.Process, str]]:
    """A worker in a fresh process, until the block is left."""
    spawning = multiprocessing.get_context("spawn")
    over, queue = spawning.Event(), f"asleep-{uuid4().hex[:8]}"
    child = spawning.Process(target=_work, args=(address, queue, cached, bare, over))
    child.start()
    try:
        yield psutil.Process(child.pid), queue
    finally:
        over.set()
        child.join()


def _work(address: str, queue: str, cached: int, bare: bool, over: Event) -> None:
    async def until_over() -> None:
        client = await Client.connect(address, data_converter=pydantic_data_converter)
        async with at_work(client, queue, InstantBooks(), cached=cached, bare=bare):
            await asyncio.to_thread(over.wait)

    asyncio.run(until_over())


async def _begin(address: str, queue: str, first: int, end: int, *, bare: bool = False) -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    gate = asyncio.Semaphore(STARTED_AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            order = DelinquencyOrder(tenant_id=f"{queue}-{number}")
            if bare:
                await client.start_workflow(BareSleeper.run, NOTED_WHEN_WOKEN, id=order.workflow_id, task_queue=queue)
            else:
                await client.start_workflow(Delinquency.run, order, id=order.workflow_id, task_queue=queue)

    await asyncio.gather(*(one(number) for number in range(first, end)))


async def _wake(address: str, queue: str, cases: int, *, bare: bool) -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    gate = asyncio.Semaphore(STARTED_AT_ONCE)

    async def one(number: int) -> None:
        order = DelinquencyOrder(tenant_id=f"{queue}-{number}")
        async with gate:
            await client.get_workflow_handle(order.workflow_id).signal(HOLDS_CHANGED)

    await asyncio.gather(*(one(number) for number in range(cases)))


def _at_rest(process: psutil.Process) -> float:
    """Wait until the worker has nothing to do, and answer the memory that is its own, in bytes."""
    while True:
        before = _cpu(process)
        time.sleep(_QUIET_SECONDS)
        if _cpu(process) - before < _QUIET_CPU:
            return float(process.memory_full_info().uss)


def _cpu(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))
