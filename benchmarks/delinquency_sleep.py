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
from worker import remember_what_is_loaded
from workflows.delinquency import Delinquency

# A case that is woken by a hold looks, and puts on record what it saw.
NOTED_WHEN_WOKEN = 2
# A case and the retries of its invoice.
WORKFLOWS_A_CASE = 2
STARTED_AT_ONCE = 50
# A worker that takes less of a processor rests: its pollers alone take a few hundredths.
_QUIET_SECONDS, _QUIET_TIMES, _QUIET_SHARE = 1.0, 3, 0.08
_BRIEFLY = 0.2
_READY_WITHIN = 120


@dataclass(frozen=True)
class Slept:
    """A worker's own memory in MB with few and with many sleeping cases; `kilobytes` for each workflow in its cache."""

    few: float
    many: float
    kilobytes: float


def slept(address: str, few: int, many: int, cached: int) -> Slept:
    """Let cases begin and fall asleep at one worker, and weigh it with few of them and with many."""
    batch = _batch(cached)
    if few < len(_FILLED) * batch:
        raise SystemExit(
            f"{few} sleeping cases do not fill a cache of {cached} workflows; let {cached // 2} sleep, or more"
        )
    with _worker(address, cached=cached) as (process, queue):
        kilobytes = _kilobytes_each(process, address, queue, batch)
        weights: list[float] = []
        begun = len(_FILLED) * batch
        for goal in (few, many):
            for there in _begin_calmly(process, address, queue, begun, goal):
                print(f"\r{there:,} of {many:,} cases have begun", end="", flush=True)
            begun = max(begun, goal)
            weights.append(_at_rest(process) / 2**20)
            print(f"\r{goal:,} cases sleep: {weights[-1]:.0f} MB", flush=True)
    with_few, with_many = weights
    return Slept(with_few, with_many, kilobytes)


def kilobytes_bare(address: str, cached: int) -> float:
    """What a cached bare workflow without isolation takes, which is what Temporal itself needs for one."""
    with _worker(address, cached=cached, bare=True) as (process, queue):
        return _kilobytes_each(process, address, queue, cached // len(_FILLED), bare=True)


# The cache is filled in as many steps; the first brings along everything that a worker needs once.
_FILLED = range(4)


def _batch(cached: int) -> int:
    return max(1, cached // (len(_FILLED) * WORKFLOWS_A_CASE))


def _kilobytes_each(process: psutil.Process, address: str, queue: str, batch: int, *, bare: bool = False) -> float:
    """Fill the cache; what the worker grows by between a quarter of it and all of it, for each workflow."""
    weights = []
    for step in _FILLED:
        for _ in _begin_calmly(process, address, queue, step * batch, (step + 1) * batch, bare=bare):
            pass
        weights.append(_at_rest(process))
    kept = (len(_FILLED) - 1) * batch * (1 if bare else WORKFLOWS_A_CASE)
    return (weights[-1] - weights[0]) / 2**10 / kept


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
    ready, over, queue = spawning.Event(), spawning.Event(), f"asleep-{uuid4().hex[:8]}"
    child = spawning.Process(target=_work, args=(address, queue, cached, bare, ready, over))
    child.start()
    try:
        if not ready.wait(_READY_WITHIN):
            raise SystemExit(f"no worker is there after {_READY_WITHIN} s")
        yield psutil.Process(child.pid), queue
    finally:
        over.set()
        child.join()


def _work(address: str, queue: str, cached: int, bare: bool, ready: Event, over: Event) -> None:
    async def until_over() -> None:
        client = await Client.connect(address, data_converter=pydantic_data_converter)
        async with at_work(client, queue, InstantBooks(), cached=cached, bare=bare):
            remember_what_is_loaded()
            ready.set()
            await asyncio.to_thread(over.wait)

    asyncio.run(until_over())


def _begin_calmly(
    process: psutil.Process, address: str, queue: str, first: int, end: int, *, bare: bool = False
) -> Iterator[int]:
    """A few at a time, and how many there are by then: a server that keeps thousands of cases answers hundreds that begin at
    once after seconds, by when their steps have run out and are done again."""
    for number in range(first, end, STARTED_AT_ONCE):
        until = min(number + STARTED_AT_ONCE, end)
        asyncio.run(_begin(address, queue, number, until, bare=bare))
        _at_rest(process, _BRIEFLY)
        yield until


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


def _at_rest(process: psutil.Process, seconds: float = _QUIET_SECONDS) -> float:
    """Wait until the worker has nothing to do, time after time, and answer the memory that is its own, in bytes."""
    quiet = 0
    while quiet < _QUIET_TIMES:
        before = _cpu(process)
        time.sleep(seconds)
        quiet = quiet + 1 if _cpu(process) - before < _QUIET_SHARE * seconds else 0
    return float(process.memory_full_info().uss)


def _cpu(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))
