"""A worker process that is ordered to die: composed like production's, on real adapters, killed with SIGKILL."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context, parent_process
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.boundary import FailureBoundary
from adapters.document_files import DocumentFiles
from adapters.logs import write_logs
from adapters.mail.smtp import SmtpPostman
from adapters.postgres.engine import open_engine
from adapters.postgres.press import Press
from adapters.stripe.events import StripeEvents
from adapters.stripe.invoices import StripeInvoices
from adapters.stripe.payments import StripeCollector
from adapters.stripe.provider import StripeProvider
from adapters.stripe.rates import StripeRates
from billing.policy.month_end import MonthEndPolicy
from billing.policy.standard import INVOICE_PUSH
from tests.crash.assassin import Aiming, Assassin
from tests.crash.impatience import ONE_TRY, Impatient
from tests.crash.plan import Kill
from tests.crash.unguarded import UnguardedEffects
from tests.fakes.shelf import Shelf
from worker import Vendors, ports_over, working

SENDER = "Billing <billing@runbooks.example>"
API_KEY = "sk_test_crash"
STICKY = timedelta(milliseconds=300)
POOL_SIZE = 5
# The simulator sets no limit, and nobody wants to wait for one.
RATES = StripeRates(requests_a_second=10_000.0)
# What libraries import only when they are first used, which costs every worker half a second.
IMPORTED_LATE = (
    "concurrent.futures.process",
    "holidays.countries",
    "holidays.financial",
    "stripe._credit_note_service",
    "stripe._invoice_service",
    "stripe._v1_services",
    "stripe._v2_services",
    "temporalio.worker.workflow_sandbox._in_sandbox",
)


@dataclass(frozen=True)
class Surroundings:
    """Where a worker finds everything; `guarded` False takes the effects table away from it (the control).

    `one_try` is how long it may take for one attempt; `month_end` takes the place of the standard policy.
    """

    temporal: str
    queue: str
    database_url: str
    evidence: Path
    stripe: str
    smtp: tuple[str, int]
    log: Path
    guarded: bool = True
    one_try: timedelta = ONE_TRY
    month_end: MonthEndPolicy | None = None

    @property
    def deaths(self) -> Path:
        """Where a worker that dies as ordered says of what, a line each."""
        return self.log.with_suffix(".deaths")


def zygote() -> ForkServerContext:
    """A process that has imported everything once and forks workers from itself within milliseconds."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["pytest", __name__, *IMPORTED_LATE])
    return context


def hire(context: ForkServerContext, surroundings: Surroundings, orders: Sequence[Kill] = ()) -> BaseProcess:
    """Start a worker; with orders it dies when it gets to the first of them."""
    process = context.Process(target=work, args=(surroundings, tuple(orders)), daemon=True)
    process.start()
    return process


def work(surroundings: Surroundings, orders: Sequence[Kill]) -> None:
    """Be a worker until killed; ends by itself only when whoever started it is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = os.open(surroundings.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    write_logs()
    asyncio.run(_work(surroundings, orders))


async def _work(surroundings: Surroundings, orders: Sequence[Kill]) -> None:
    client = await Client.connect(surroundings.temporal, data_converter=pydantic_data_converter)
    assassin = Assassin(orders, surroundings.deaths)
    engine = open_engine(surroundings.database_url, application="crashing worker", pool_size=POOL_SIZE)
    assassin.watch_commits(engine)
    assassin.watch_answers()
    vendors = Vendors(
        provider=StripeProvider(API_KEY, surroundings.stripe),
        invoicing=StripeInvoices(API_KEY, INVOICE_PUSH, surroundings.stripe),
        collector=StripeCollector(API_KEY, surroundings.stripe),
        events=StripeEvents(API_KEY, surroundings.stripe),
        postman=SmtpPostman(
            *surroundings.smtp, SENDER, documents=Press(engine, DocumentFiles(surroundings.evidence / "documents"))
        ),
    )
    ports = ports_over(engine, surroundings.evidence, vendors)
    if not surroundings.guarded:
        ports = replace(ports, effects=UnguardedEffects(ports.effects))
    if surroundings.month_end:
        ports = replace(ports, policies=Shelf(engine, surroundings.month_end))
    interceptors = [Aiming(assassin), FailureBoundary(), Impatient(surroundings.one_try)]
    async with working(
        client,
        surroundings.queue,
        assassin.watched(ports),
        rates=RATES,
        interceptors=interceptors,
        sticky_queue_schedule_to_start_timeout=STICKY,
    ):
        await asyncio.Event().wait()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
