"""How much of Stripe's allowed rate a push of documents uses, and how often it is told that it asked too much.

    python -m benchmarks.stripe_push [--documents N]

It starts a Postgres, a Temporal server and the Stripe simulator, whose bucket of tokens fills at exactly the rate that
documents may use. Two workers push together. Beside the pace that is used it tries Temporal's limit on the task queue
alone. The table is printed and written to `benchmarks/results/stripe_push.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
from sqlalchemy import Engine
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import migrations
from activities.clock import wall_clock
from activities.invoice_push import InvoicePushing, PushedByEffects
from activities.lanes import INVOICES_LANE
from adapters.policies import Policies
from adapters.postgres.effects import Effects
from adapters.postgres.engine import open_engine
from adapters.postgres.invoice_pushes import InvoicePushes
from adapters.postgres.pace import ProviderPace
from adapters.stripe.client import Pace
from adapters.stripe.invoices import StripeInvoices
from adapters.stripe.rates import REQUESTS_A_DOCUMENT, StripeRates
from benchmarks.rounds import machine, table
from billing.month_end import BatchResult, Shard, ShardOrder
from billing.policy.standard import INVOICE_PUSH, MONTH_END
from sandbox.ports import free_port
from sandbox.postgres import PostgresServer
from sandbox.stripe.control import StripeControl
from sandbox.temporal import PROMPT_STEPS, dynamic_config, temporal_binary

RESULTS = Path(__file__).parent / "results" / "stripe_push.md"
USED_AT_LEAST, REFUSED_AT_MOST = 0.90, 0.01
BATCH, AT_ONCE, WORKERS = MONTH_END.documents_a_batch, MONTH_END.batches_at_once, 2
RUN = "2026-10#1"
HEADS = [
    "way",
    "Stripe allows",
    "documents may use",
    "used",
    "of what is allowed",
    "429s",
    "documents a second",
    "goal",
]

_RUN = """
    insert into billing_runs (
        run_id, period, sequence, dry_run, only_parked, state, policy, requested_by, workflow_run_id, started_at
    ) values ('2026-10#1', '2026-10', 1, false, false, 'working', '{}', 'benchmark', 'benchmark', now())
"""
_TENANTS = """
    insert into tenants (tenant_id, name, tier, currency, zone, country, locale, billing_email, provider_customer_id)
    select format('t-%%s', lpad(n::text, 6, '0')), 'Tenant', 'pro', 'USD', 'UTC', 'US', 'en-US', 'b@tenant.example',
        (%(customers)s::text[])[n]
    from generate_series(1, %(documents)s) n
"""
_DOCUMENTS = """
    insert into invoices (invoice_id, number, tenant_id, period, status, currency, total_minor, issued_at)
    select 'inv-2026-10-' || tenant_id, 'INV-' || tenant_id, tenant_id, '2026-10', 'open', 'USD', 800, now() from tenants
"""
_LINES = """
    insert into invoice_lines (invoice_id, number, description, quantity, amount_minor)
    select invoice_id, line, 'API calls', 1, 100 from invoices, generate_series(1, 8) line
"""
_EFFECTS = """
    insert into effects (op_key, kind, case_id, tenant_id, state, request, request_sha256)
    select 'month-end/2026-10/invoice/' || tenant_id, 'invoice', 'month-end/2026-10', tenant_id, 'intended',
        jsonb_build_object('invoice_id', invoice_id, 'number', number, 'total_minor', total_minor,
            'due_minor', total_minor, 'currency', currency), repeat('0', 64)
    from invoices
"""


@workflow.defn(name="push-all")
class PushAll:
    """What a month end does at this stage: batches on the lane of documents, some at once, again while some are left."""

    @workflow.run
    async def run(self, lane: str, batches: list[Shard]) -> int:
        slots = asyncio.Semaphore(AT_ONCE)
        done = 0
        for _ in range(5):
            results = await asyncio.gather(*(self._push(lane, batch, slots) for batch in batches))
            done += sum(result.done for result in results if not result.left)
            batches = [batch for batch, result in zip(batches, results, strict=True) if result.left]
            if not batches:
                break
        return done

    async def _push(self, lane: str, batch: Shard, slots: asyncio.Semaphore) -> BatchResult:
        async with slots:
            return await workflow.execute_activity_method(
                InvoicePushing.push,
                ShardOrder(run_id=RUN, shard=batch),
                task_queue=lane,
                start_to_close_timeout=timedelta(minutes=10),
            )


class NoPace:
    """Whoever is asked, everybody may go."""

    def wait_for_turn(self) -> None:
        """At once."""

    def back_off(self) -> None:
        """Not at all."""


@dataclass(frozen=True)
class Measured:
    """One push: the way it was paced, the rates in requests a second, and what the simulator counted."""

    way: str
    rates: StripeRates
    seconds: float
    taken: int
    refused: int
    documents: int

    @property
    def used(self) -> float:
        return self.taken / self.seconds

    def row(self, *, goal: bool) -> list[str]:
        allowed = self.rates.invoice_requests_a_second
        return [
            self.way,
            f"{self.rates.requests_a_second:g}/s",
            f"{allowed:g}/s",
            f"{self.used:.1f}/s",
            f"{self.used / allowed:.1%}",
            f"{self.refused / (self.taken + self.refused):.2%}",
            f"{self.documents / self.seconds:.1f}",
            f"≥ {USED_AT_LEAST:.0%}, ≤ {REFUSED_AT_MOST:.0%}" if goal else "none: not used",
        ]


def main() -> None:
    """Measure on servers of its own, print the report and keep it under `results/`."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--documents", type=int, default=400, help="pushed at a sandbox's rate; four times as many live"
    )
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="push-benchmark-") as home:
        Path(home).chmod(0o711)  # for root, whose server runs as `nobody` and must pass through to stay in here
        server = PostgresServer(Path(home) / "postgres")
        server.start()
        try:
            migrations.upgrade(server.url())
            measured = asyncio.run(_all_ways(server.url(), chosen.documents))
        finally:
            server.stop()
    report = _report(measured)
    print(report)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(report)


async def _all_ways(url: str, documents: int) -> list[Measured]:
    sandbox, live = StripeRates(25.0), StripeRates(100.0)
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary()),
        dev_server_extra_args=dynamic_config(PROMPT_STEPS),
        dev_server_log_level="error",
        data_converter=pydantic_data_converter,
    )
    async with environment:
        return [
            await _measured(environment.client, url, "shared pace", sandbox, documents, paced=True),
            await _measured(environment.client, url, "shared pace", live, 4 * documents, paced=True),
            # A quarter: batches that are refused again and again are tried later and later.
            await _measured(environment.client, url, "Temporal's limit alone", sandbox, documents // 4, paced=False),
        ]


async def _measured(client: Client, url: str, way: str, rates: StripeRates, documents: int, *, paced: bool) -> Measured:
    """Push a month of `documents` with two workers; with `paced` as production does."""
    engine = open_engine(url, pool_size=20)
    with _simulator() as address, StripeControl(address) as control:
        batches = _plant(url, address, documents)
        control.limit_rate(rates.invoice_requests_a_second)
        pushing = _pushing(engine, address, ProviderPace(engine, INVOICES_LANE, _allowed(rates)) if paced else NoPace())
        print(f"{way}: pushing {documents} documents at {_allowed(rates):g} requests a second ...", flush=True)
        began = time.perf_counter()
        done = await _pushed(client, pushing, batches, rates.batches_a_second(BATCH) if paced else _nominal(rates))
        seconds, counted = time.perf_counter() - began, control.rate_limit()
        control.limit_rate(None)
        issued = sum(invoice["status"] == "open" for invoice in control.state()["invoice"])
    engine.dispose()
    assert done == issued == documents, f"{done} confirmed, {issued} at the simulator, of {documents}"
    return Measured(way, rates, seconds, int(counted["taken"]), int(counted["refused"]), documents)


async def _pushed(client: Client, pushing: InvoicePushing, batches: list[Shard], begin_a_second: float) -> int:
    queue = f"push-{uuid4().hex[:8]}"
    lane = f"{queue}-{INVOICES_LANE}"
    with ThreadPoolExecutor(WORKERS * AT_ONCE) as threads:
        conductor = Worker(client, task_queue=queue, workflows=[PushAll], workflow_runner=UnsandboxedWorkflowRunner())
        pushers = [
            Worker(
                await _own_connection(client),
                task_queue=lane,
                activities=[pushing.push],
                activity_executor=threads,
                max_concurrent_activities=AT_ONCE,
                max_task_queue_activities_per_second=begin_a_second,
                identity=f"worker-{number}",
            )
            for number in range(WORKERS)
        ]
        async with conductor, pushers[0], pushers[1]:
            return int(await client.execute_workflow(PushAll.run, args=[lane, batches], id=queue, task_queue=queue))


async def _own_connection(client: Client) -> Client:
    """To the same server: a connection serves one worker of a queue only."""
    return await Client.connect(
        client.service_client.config.target_host, namespace=client.namespace, data_converter=client.data_converter
    )


def _pushing(engine: Engine, address: str, pace: Pace) -> InvoicePushing:
    invoices = StripeInvoices("sk_test_benchmark", INVOICE_PUSH, address, pace=pace)
    effects = Effects(engine, Policies(engine))
    return InvoicePushing(PushedByEffects(InvoicePushes(engine), effects, invoices, wall_clock))


def _plant(url: str, address: str, documents: int) -> list[Shard]:
    """The books of a finalised month and its customers at the simulator; answers the batches by tenant."""
    with httpx.Client(base_url=address, headers={"authorization": "Bearer sk_test_benchmark"}) as http:
        customers = [http.post("/v1/customers", data={"name": "Tenant"}).json()["id"] for _ in range(documents)]
    with psycopg.connect(url) as session:
        session.execute("truncate billing_runs, effects, invoices, invoice_lines, tenants, provider_pace cascade")
        session.execute(_RUN)
        session.execute(_TENANTS, {"customers": customers, "documents": documents})
        for statement in (_DOCUMENTS, _LINES, _EFFECTS):
            session.execute(statement)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("analyze")
    return [
        Shard(first=f"t-{first:06}", last=f"t-{min(first + BATCH - 1, documents):06}")
        for first in range(1, documents + 1, BATCH)
    ]


@contextmanager
def _simulator() -> Iterator[str]:
    """The simulator as a process of its own, as in the sandbox."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "sandbox.stripe", "--port", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                httpx.get(f"{address}/_sim/clock")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def _allowed(rates: StripeRates) -> float:
    return rates.invoice_requests_a_second


def _nominal(rates: StripeRates) -> float:
    """Batches a second that come to the allowed rate, were they spread evenly."""
    return rates.invoice_requests_a_second / (BATCH * REQUESTS_A_DOCUMENT)


def _report(measured: list[Measured]) -> str:
    rows = [one.row(goal=one.way == "shared pace") for one in measured]
    return (
        "# Pushing documents to Stripe\n\n"
        f"{machine()}; {WORKERS} workers on one Temporal server, {AT_ONCE} batches of {BATCH} documents at once, 8 lines a "
        "document. The simulator's bucket fills at exactly the rate that documents may use, so every request beyond it is "
        "a 429. Time counts from the first batch to the last confirmation.\n\n"
        f"{table(HEADS, rows)}\n\n"
        "Each document is pushed as production does: drafted, filled, compared, finalised, confirmed in the books. With "
        "Temporal's limit on the task queue alone, set to the same rate, batches begin in bursts of four, one of each "
        "partition of the queue.\n"
    )


if __name__ == "__main__":
    main()
