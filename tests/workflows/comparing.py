"""A company whose books are compared with a provider's: real runbook and activities on a real Postgres, fakes outside.

desk.sides.both("acme")
case = await desk.begins()
assert await case.ending() is Ending.AGREED
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from adapters.stripe.rates import StripeRates
from billing.emails import Payload
from billing.reconciliation import Theirs
from billing.reconciling import DuplicatesDecision, Ending, ReconciliationOrder, ReconciliationStory
from tests.adapters.postgres.both_sides import BothSides
from tests.fakes.collector import FakeCollector
from tests.fakes.invoicing import FakeInvoicing
from tests.fakes.postman import FakePostman
from tests.fakes.provider import FakeProvider
from tests.fixtures.temporal import CaseClock, Handle
from tests.histories.keeping import keep
from tests.workflows.world import World
from worker import Ports, Vendors, ports_over, working
from workflows.reconciliation import Reconciliation


@dataclass
class ComparingDesk:
    """One company; `sides` is filled before a reconciliation begins."""

    clock: CaseClock
    sides: BothSides
    provider: FakeInvoicing
    postman: FakePostman
    ports: Ports
    queue: str
    tokens: dict[str, str]

    def is_ready(self) -> None:
        """Write our side down, and let the provider list the other."""
        self.sides.write_ours()
        self.provider.listed = list(self.sides.theirs)

    async def begins(self, **changes: Any) -> ReconciliationInHand:
        """Write down both sides and compare them, until it waits or has ended."""
        self.is_ready()
        plain = {"period": self.sides.period, "occasion": f"t-{uuid4().hex[:8]}", "requested_by": "finance-1"}
        order = ReconciliationOrder.model_validate(plain | changes)
        with self.clock.held():
            handle = await self.clock.client.start_workflow(
                Reconciliation.run, order, id=order.case_id, task_queue=self.queue
            )
        case = ReconciliationInHand(self, order, handle)
        await case.rests()
        return case

    def told(self, template: str) -> dict[str, Payload]:
        """What was written, by reader."""
        return {
            sent.letter.to.email.partition("@")[0]: sent.letter.payload
            for sent in self.postman.mailbox
            if sent.letter.payload.template == template
        }


@dataclass
class ReconciliationInHand:
    """One reconciliation under the test's hand."""

    desk: ComparingDesk
    order: ReconciliationOrder
    handle: Handle

    async def rests(self) -> None:
        await self.desk.clock.settled(self.handle)

    async def days(self, days: float) -> None:
        await self.desk.clock.advance(self.handle, timedelta(days=days))

    async def story(self) -> ReconciliationStory:
        return await self.handle.query(Reconciliation.story)

    async def timeline(self) -> list[str]:
        return [line.text for line in (await self.story()).timeline]

    async def does(self, update: Any, by: str, reason: str = "Made twice on 3 November.") -> str:
        answer: str = await self.handle.execute_update(update, DuplicatesDecision(by=by, reason=reason))
        await self.rests()
        return answer

    async def ending(self) -> Ending:
        ending = Ending(await self.handle.result())
        keep("reconciliation", ending.name.lower(), await self.handle.fetch_history())
        return ending


@asynccontextmanager
async def a_comparing_desk(
    engine: Engine, clock: CaseClock, files: Path, provider: FakeInvoicing | None = None
) -> AsyncIterator[ComparingDesk]:
    """Found the company; `provider` replaces the fake of Stripe's invoices."""
    world = World(engine)
    world.found()
    postman, invoicing, queue = FakePostman(), provider or FakeInvoicing(), f"comparing-{uuid4().hex[:8]}"
    vendors = Vendors(provider=FakeProvider(), invoicing=invoicing, collector=FakeCollector(), postman=postman)
    ports = ports_over(engine, files, vendors)
    async with working(clock.client, queue, ports, rates=StripeRates(10_000)):
        yield ComparingDesk(clock, BothSides(engine), invoicing, postman, ports, queue, world.tokens)


def copied(one: Theirs, name: str, **changes: Any) -> Theirs:
    """The same invoice once more, under another id."""
    return replace(one, provider_invoice_id=name, **changes)
