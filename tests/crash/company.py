"""One company to crash in: a database, a Stripe account, a mailbox and a task queue that no other run can touch."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

import stripe
from sqlalchemy import Engine, update
from temporalio.client import Client

from adapters.postgres.engine import open_engine, transaction
from adapters.postgres.invoices import Invoices
from adapters.postgres.tables import invoices, tenants
from adapters.postgres.tenants import Tenants
from billing.policy.bundle import Policy
from billing.tenants import Tenant
from sandbox.mailbox import RunningMailbox, running_mailbox
from sandbox.stripe.control import StripeControl
from sandbox.stripe.server import running
from tests.crash.crashing_worker import API_KEY, Surroundings, hire
from tests.crash.plan import Kill
from tests.workflows.world import PERIOD, World

# As long as many look at once, they must not look all the time.
LOOKS_SECONDS = (0.02, 0.5)


async def looking() -> AsyncIterator[None]:
    """Look at something in another process until the caller has seen it: often at first, then less."""
    pause, longest = LOOKS_SECONDS
    while True:
        yield
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, longest)


@dataclass(frozen=True)
class Ground:
    """What every run stands on: the shared servers and the zygote that workers are forked from."""

    temporal: Client
    temporal_address: str
    fresh_database: Callable[[], str]
    dismantle_database: Callable[[str], None]
    workers: ForkServerContext
    home: Path


@dataclass
class Company:
    """One run's world, with the workers it hired; it kills them by their own pids."""

    ground: Ground
    name: str
    world: World
    surroundings: Surroundings
    stripe: StripeControl
    mailbox: RunningMailbox
    staff: list[BaseProcess] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        return self.world.engine

    def hires(self, *orders: Kill) -> BaseProcess:
        """One more worker, perhaps with orders to die at the first of these."""
        worker = hire(self.ground.workers, self.surroundings, orders)
        self.staff.append(worker)
        return worker

    def loses(self, worker: BaseProcess) -> None:
        """SIGKILL: the worker gets no chance to finish anything."""
        worker.kill()
        self.staff.remove(worker)

    async def buries(self, worker: BaseProcess) -> None:
        """Wait until the worker has died as ordered."""
        async for _ in looking():
            if worker.exitcode is not None:
                break
        assert worker.exitcode == -signal.SIGKILL, (
            f"the worker ended by itself ({worker.exitcode}):\n{self.last_words()}"
        )
        self.staff.remove(worker)

    def deaths(self) -> list[str]:
        """Of what workers died as ordered, in order."""
        noted = self.surroundings.deaths
        return noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []

    def last_words(self) -> str:
        """The end of what the run's workers logged."""
        log = self.surroundings.log
        return "\n".join(log.read_text().splitlines()[-15:]) if log.exists() else "no worker has logged anything"

    def tenant(self, tenant_id: str, duplicated: int, policy: Policy) -> Tenant:
        """A tenant known to us and to Stripe, whose October bill holds `duplicated` calls twice (ten cents each)."""
        tenant = self.world.tenant(tenant_id, duplicated=duplicated)
        Tenants(self.engine).carry_policy(tenant_id, policy)
        self._mirror(tenant)
        return tenant

    def _mirror(self, tenant: Tenant) -> None:
        billed = Invoices(self.engine).latest(tenant.tenant_id, PERIOD)
        assert billed is not None
        client = stripe.StripeClient(API_KEY, base_addresses={"api": self.surroundings.stripe}).v1
        customer = client.customers.create({"email": tenant.billing_email})
        invoice = client.invoices.create({"customer": customer.id, "currency": "usd", "auto_advance": False})
        client.invoices.add_lines(invoice.id, {"lines": [{"description": "API calls", "amount": billed.total_minor}]})
        client.invoices.finalize_invoice(invoice.id)
        client.invoices.pay(invoice.id, {"paid_out_of_band": True})
        theirs = {tenants: {"provider_customer_id": customer.id}, invoices: {"provider_invoice_id": invoice.id}}
        with transaction(self.engine) as connection:
            for table, ids in theirs.items():
                connection.execute(update(table).where(table.c.tenant_id == tenant.tenant_id).values(ids))


@asynccontextmanager
async def a_company(ground: Ground, *, guarded: bool = True) -> AsyncIterator[Company]:
    """Found a company, and take everything of it away afterwards; its workers' log stays in the ground's home."""
    name = f"crash-{uuid4().hex[:8]}"
    url = ground.fresh_database()
    engine = open_engine(url, application="crash test")
    evidence = ground.home / name / "evidence"
    evidence.mkdir(parents=True)
    async with running() as simulator, running_mailbox() as mailbox:
        surroundings = Surroundings(
            temporal=ground.temporal_address,
            queue=name,
            database_url=url,
            evidence=evidence,
            stripe=simulator.url,
            smtp=(mailbox.host, mailbox.smtp_port),
            log=ground.home / name / "workers.log",
            guarded=guarded,
        )
        with StripeControl(simulator.url) as control:
            company = Company(ground, name, World(engine), surroundings, control, mailbox)
            company.world.found()
            try:
                yield company
            finally:
                for worker in list(company.staff):
                    company.loses(worker)
                engine.dispose()
                ground.dismantle_database(url)
