"""What a recovery costs: cases per second against a bare workflow that does as much, sleeping cases in memory, and waking them.

    python -m benchmarks.delinquency [--cases 100] [--rounds 3] [--sleeping 1000 10000] [--cached 2000] [--woken 300]

One Temporal server for everything. The books answer at once, so that only the runbook and Temporal take time. What is timed
comes first and needs a quiet machine; putting ten thousand cases to sleep takes half an hour of two cores, and is only
weighed. The report goes to results/delinquency.md.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from benchmarks.delinquency_bare import BareRecovery, Work
from benchmarks.delinquency_sleep import Slept, kilobytes_bare, slept, woken
from benchmarks.delinquency_world import InstantBooks, at_work, work_in
from benchmarks.rounds import HEADS, Duel, machine, play, table
from billing.recovery import CASE, DelinquencyOrder, Ending
from sandbox.temporal import PROMPT_STEPS, dynamic_config, temporal_binary
from workflows.blocks import attributes
from workflows.delinquency import Delinquency

RESULTS = Path(__file__).parent / "results" / "delinquency.md"
# Twenty-one days in about a second: fast enough that nothing waits for the clock when many are at work.
SPEED = 2_000_000
# The same three weeks in forty seconds, one case at a time on a quiet worker: no step comes late, none is left out.
UNHURRIED = 45_000
# Enough to keep two cores busy; with a hundred the server of one process answers after seconds, and repeats itself.
AT_ONCE = 30
GOAL, EVENTS_GOAL, GROWTH_GOAL, KILOBYTES_GOAL, WAKING_GOAL = 1.25, 150, 1.2, 45, 2.0

_KEYS: Mapping[str, Callable[[str], SearchAttributeKey[Any]]] = {
    "Keyword": SearchAttributeKey.for_keyword,
    "Datetime": SearchAttributeKey.for_datetime,
    "Bool": SearchAttributeKey.for_bool,
}
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Events:
    """How long the histories of a case of 21 days are, in events on the server: its own, and its invoice's retries'."""

    case: int
    retries: int


def main() -> None:
    """Measure and write the report."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cases", type=int, default=100, help="cases of one turn")
    arguments.add_argument("--rounds", type=int, default=3, help="how often both take their turn")
    arguments.add_argument("--sleeping", type=int, nargs=2, default=(1_000, 10_000), help="how many cases sleep, twice")
    arguments.add_argument("--cached", type=int, default=2_000, help="how many workflows a worker keeps in memory")
    arguments.add_argument("--woken", type=int, default=300, help="cases that are woken at once")
    chosen = arguments.parse_args()
    with _server() as (address, run):
        events, work = run(_unhurried)
        duel = Duel(
            name=f"{chosen.cases} recoveries of 21 days",
            against="bare workflows with as many activities, timers and signals",
            goal=GOAL,
            baseline=lambda: run(partial(_bare, cases=chosen.cases, work=work)),
            ours=lambda: run(partial(_recoveries, cases=chosen.cases)),
        )
        duel.warm_up()
        play([duel], chosen.rounds)
        print(f"{events.case} events a case; now those that are woken", flush=True)
        waking = [woken(address, chosen.woken, bare=bare) for bare in (True, False)]
        print("now those that sleep", flush=True)
        floor = kilobytes_bare(address, chosen.cached)
        few, many = chosen.sleeping
        sleep = slept(address, few, many, chosen.cached)
    report = _report(duel, chosen.cases, events, work, _asleep(few, many, chosen.cached, sleep, floor, waking))
    print(report)
    RESULTS.write_text(report)


@contextmanager
def _server() -> Iterator[tuple[str, Callable[[Callable[[Client], Awaitable[Answer]]], Answer]]]:
    """A development server of Temporal on a loop of its own; yields its address, and what runs an errand with a client."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(errand: Callable[[Client], Awaitable[Answer]]) -> Answer:
        async def with_client() -> Answer:
            return await errand(server.client)

        return asyncio.run_coroutine_threadsafe(with_client(), loop).result()

    server = asyncio.run_coroutine_threadsafe(_started(), loop).result()
    try:
        yield server.client.service_client.config.target_host, run
    finally:
        asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _started() -> WorkflowEnvironment:
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary()),
        dev_server_extra_args=dynamic_config(PROMPT_STEPS),
        dev_server_log_level="error",
        search_attributes=[_KEYS[kind](name) for name, kind in attributes.ALL.items()],
        data_converter=pydantic_data_converter,
    )


async def _unhurried(client: Client) -> tuple[Events, Work]:
    """One case at a pace at which nothing is late: what its histories hold."""
    queue, tenant = f"unhurried-{uuid4().hex[:8]}", f"t-{uuid4().hex[:8]}"
    async with at_work(client, queue, InstantBooks(UNHURRIED)):
        await _recovered(client, queue, tenant)
    case = await client.get_workflow_handle(f"{CASE}/{tenant}").fetch_history()
    retries = await client.get_workflow_handle(f"payment-retry/inv-{tenant}/1").fetch_history()
    own, child = work_in(case), work_in(retries)
    work = Work(own.activities, own.noted, own.timers, own.signals, child)
    return Events(len(case.events), len(retries.events)), work


async def _recovered(client: Client, queue: str, tenant: str) -> None:
    order = DelinquencyOrder(tenant_id=tenant)
    ending = await client.execute_workflow(Delinquency.run, order, id=order.workflow_id, task_queue=queue)
    if Ending(ending) is not Ending.RECOVERED:
        raise SystemExit(f"the case of {tenant} ended: {ending}")


async def _recoveries(client: Client, cases: int) -> None:
    queue = f"ours-{uuid4().hex[:8]}"
    async with at_work(client, queue, InstantBooks(SPEED)):
        await _some_at_once(_recovered(client, queue, f"{queue}-{number}") for number in range(cases))


async def _bare(client: Client, cases: int, work: Work) -> None:
    queue = f"bare-{uuid4().hex[:8]}"
    async with at_work(client, queue, InstantBooks()):
        await _some_at_once(
            client.execute_workflow(BareRecovery.run, work, id=f"{queue}/{number}", task_queue=queue)
            for number in range(cases)
        )


async def _some_at_once(cases: Iterable[Awaitable[object]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(case: Awaitable[object]) -> None:
        async with gate:
            await case

    await asyncio.gather(*(one(case) for case in cases))


def _asleep(few: int, many: int, cached: int, sleep: Slept, floor: float, waking: list[float]) -> list[list[str]]:
    """The rows about cases that sleep, and are woken."""
    bare, ours = (seconds * 1_000 for seconds in waking)
    return [
        [f"worker with {few:,} sleeping cases, {cached:,} workflows cached", f"{sleep.few:.0f} MB", ""],
        [
            f"the same worker with {many:,}",
            f"{sleep.many:.0f} MB, {sleep.many / sleep.few:.2f}×",
            f"≤ {GROWTH_GOAL:g}×",
        ],
        [
            "a cached workflow, and a bare one without isolation",
            f"{sleep.kilobytes:.0f} KB, and {floor:.0f} KB",
            f"≤ {KILOBYTES_GOAL} KB",
        ],
        [
            "processor time to wake a case, bare without isolation and ours",
            f"{bare:.2f} and {ours:.2f} ms, {ours / bare:.2f}×",
            f"≤ {WAKING_GOAL:g}×",
        ],
    ]


def _report(duel: Duel, cases: int, events: Events, work: Work, asleep: list[list[str]]) -> str:
    rates = [cases / statistics.median(timing.wall for timing in side) for side in zip(*duel.timings, strict=True)]
    child = work.child or Work()
    figures = [
        ["cases a second, bare and ours", f"{rates[0]:.1f} and {rates[1]:.1f}", f"ours ≥ {1 / GOAL:g}×"],
        ["events of a case of 21 days", f"{events.case}", f"≤ {EVENTS_GOAL}"],
        ["events of its invoice's retries", f"{events.retries}", ""],
        *asleep,
    ]
    return "\n".join(
        [
            "# Payment recovery",
            "",
            machine(),
            "",
            table(HEADS, [duel.row()]),
            "",
            f"Each case has {work.activities + child.activities} activities, {work.noted + child.noted} local ones, "
            f"{work.timers + child.timers} timers and {work.signals + child.signals} signals, its child included.",
            "",
            table(["figure", "measured", "goal"], figures),
            "",
        ]
    )


if __name__ == "__main__":
    main()
