"""What the runbook adds to its own bulk work: a whole month end as a workflow, against the same calls one after the other.

    python -m benchmarks.month_end_workflow [--tenants 10000] [--rounds 5]

Both bill the same tenants on the same books, emptied before each turn, with as many ranges at once as a worker works on.
Nothing is printed, pushed or delivered, since each of these takes far longer than what the workflow adds. The figures go
to results/month_end_workflow.md.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from adapters.policies import Policies
from adapters.postgres.billing_runs import PostgresBillingRuns
from adapters.postgres.run_reviews import PostgresRunReviews
from benchmarks.month_end import RESULTS, planted
from benchmarks.month_end_ways import Books
from benchmarks.month_end_world import NOW, PERIOD
from benchmarks.rounds import HEADS, Contender, Duel, Timing, machine, table
from billing.month_end import Ending, RunOrder
from billing.policy.month_end import MonthEndPolicy
from billing.policy.standard import MONTH_END
from billing.rollups import RollUpFinding
from sandbox.temporal import PROMPT_STEPS, dynamic_config, temporal_binary
from worker import BULK_AT_ONCE, Vendors, ports_over, working
from workflows.blocks import attributes
from workflows.month_end import MonthEnd

_KEYS: Mapping[str, Callable[[str], SearchAttributeKey[Any]]] = {
    "Keyword": SearchAttributeKey.for_keyword,
    "Datetime": SearchAttributeKey.for_datetime,
    "Bool": SearchAttributeKey.for_bool,
}
POLICY = MONTH_END.model_copy(update={"errands": ()})
GOAL = 1.3


class _Shelf(Policies):
    """Month ends that print, push and deliver nothing."""

    def month_end(self) -> MonthEndPolicy:
        return POLICY


class _PlantedRollUps:
    """The roll-ups were planted without events, so there is nothing to compare them with."""

    def bring_up_to_date(self, heartbeat: Callable[[str], None]) -> int:
        return 0

    def rebuild(self, first: date, end: date, heartbeat: Callable[[str], None]) -> int:
        return 0

    def validate(self, first: date, end: date, heartbeat: Callable[[str], None]) -> tuple[RollUpFinding, ...]:
        return ()


def main() -> None:
    """Measure and write the report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tenants", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    with planted(chosen.tenants) as books, _at_work(books) as as_workflow:
        duel = Duel(
            name="the runbook, from preflight to close",
            against="its bulk work, called directly",
            goal=GOAL,
            baseline=lambda: _directly(books),
            ours=as_workflow,
        )
        _compare(duel, books)
        for _ in range(chosen.rounds):
            duel.timings.append((_turn(books, duel.baseline), _turn(books, duel.ours)))
    report = _report(duel, chosen.tenants, chosen.rounds)
    print(report)
    (RESULTS / "month_end_workflow.md").write_text(report)


def _compare(duel: Duel, books: Books) -> None:
    """Both once, unmeasured; what they wrote has to be the same."""
    written = []
    for contender in (duel.baseline, duel.ours):
        _turn(books, contender)
        written.append(books.written(numbers=False))
    if written[0] != written[1]:
        raise SystemExit(f"the two wrote different books: {written}")


def _turn(books: Books, contender: Contender) -> Timing:
    books.empty()
    books.execute("truncate billing_runs cascade")
    return Timing.of(contender)


def _directly(books: Books) -> None:
    """What the runbook's activities do, in its order, as many ranges at once as one worker works on."""
    runs, reviews = PostgresBillingRuns(books.engine), PostgresRunReviews(books.engine)
    run_id = runs.open(RunOrder(period=PERIOD, requested_by="benchmark"), uuid4().hex, POLICY, NOW).run_id
    runs.preflight(run_id)
    runs.close_usage(run_id, NOW)
    shards = runs.shards(run_id, "", 1_000_000)
    with ThreadPoolExecutor(BULK_AT_ONCE) as threads:
        list(threads.map(lambda shard: runs.rate(run_id, shard, _still), shards))
        report = runs.check(run_id)
        reviews.release(run_id, runs.check(run_id))
        list(threads.map(lambda shard: runs.finalise(run_id, shard, NOW, _still), shards))
    runs.check(run_id)
    runs.close(run_id, report, NOW)


@contextmanager
def _at_work(books: Books) -> Iterator[Contender]:
    """A worker on a development server of Temporal, on a loop of its own; yields one whole month end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    ready: asyncio.Queue[Client] = asyncio.Queue()
    over = asyncio.Event()
    queue = f"benchmark-{uuid4().hex[:8]}"
    serving = asyncio.run_coroutine_threadsafe(_serve(books, queue, ready, over), loop)
    client = asyncio.run_coroutine_threadsafe(ready.get(), loop).result()
    try:
        yield lambda: asyncio.run_coroutine_threadsafe(_as_workflow(client, queue), loop).result()
    finally:
        loop.call_soon_threadsafe(over.set)
        serving.result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _serve(books: Books, queue: str, ready: asyncio.Queue[Client], over: asyncio.Event) -> None:
    keys = [_KEYS[kind](name) for name, kind in attributes.ALL.items()]
    nobody: Any = None
    vendors = Vendors(provider=nobody, invoicing=nobody, collector=nobody, postman=nobody)
    ports = replace(
        ports_over(books.engine, Path(), vendors),
        policies=_Shelf(books.engine),
        rollups=_PlantedRollUps(),
        now=lambda: NOW,
    )
    async with (
        await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(temporal_binary()),
            dev_server_extra_args=dynamic_config(PROMPT_STEPS),
            dev_server_log_level="error",
            search_attributes=keys,
            data_converter=pydantic_data_converter,
        ) as server,
        working(server.client, queue, ports),
    ):
        await ready.put(server.client)
        await over.wait()


async def _as_workflow(client: Client, queue: str) -> None:
    order = RunOrder(period=PERIOD, requested_by="benchmark")
    name = f"month-end/{uuid4().hex}"
    ending = await client.execute_workflow(MonthEnd.run, args=[order, None], id=name, task_queue=queue)
    if Ending(ending) is not Ending.CLOSED:
        raise SystemExit(f"the run ended: {ending}")


def _report(duel: Duel, tenants: int, rounds: int) -> str:
    return "\n".join(
        [
            "# The runbook of a month end against its bulk work",
            "",
            f"{tenants:,} tenants, {rounds} rounds. {machine()}",
            "",
            table(HEADS, [duel.row()]),
            "",
        ]
    )


def _still(_: str) -> None:
    """Nobody listens for a heartbeat."""


if __name__ == "__main__":
    main()
