"""A company that owes, its provider, and the runbook of Stripe's events at work; cases only listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.boundary import FailureBoundary
from activities.letters import Letters
from billing.authority import Role
from billing.emails import Recipient
from billing.provider_events import CASE_ID, FeedStory, News, Totals
from billing.recovery import DelinquencyOrder
from tests.adapters.postgres.provider_events.feed import Feed
from tests.fakes.effects import FakeEffects
from tests.fakes.postman import FakePostman
from tests.fixtures.temporal import CaseClock, Handle
from workflows.blocks.sandbox import sandboxed_runner
from workflows.provider_events import StripeEvents
from workflows.provider_events_sweep import StripeEventsSweep


@workflow.defn(name="delinquency", sandboxed=False)
class Listening:
    """A case that remembers what it hears, until it is over."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.over = False

    @workflow.run
    async def run(self, order: DelinquencyOrder) -> None:
        if order.heard:
            self.news.insert(0, order.heard)
        await workflow.wait_condition(lambda: self.over)

    @workflow.signal
    def heard(self, news: News) -> None:
        self.news.append(news)

    @workflow.signal
    def end(self) -> None:
        self.over = True

    @workflow.query
    def told(self) -> list[News]:
        return self.news


class Staff:
    """One mailbox for each role."""

    def recipients(self, role: Role) -> list[Recipient]:
        return [Recipient(name=role, email=f"{role}@ops.example", locale="en-US", zone="UTC")]


@dataclass
class House:
    """A company that owes, its provider, and the runbook at work."""

    feed: Feed
    clock: CaseClock
    queue: str
    tenant: str
    handle: Handle | None = None
    tries: int = 0
    postman: FakePostman = field(default_factory=FakePostman)

    @property
    def client(self) -> Client:
        return self.clock.client

    async def works(self) -> Handle:
        with self.clock.held():
            self.handle = await self.client.start_workflow(
                StripeEvents.run, Totals(), id=f"{CASE_ID}-{uuid4().hex[:8]}", task_queue=self.queue
            )
        await self.clock.settled(self.handle)
        return self.handle

    async def hears(self, kind: str, **changes: Any) -> str:
        """Something happens to the invoice, the event arrives, and the runbook is woken."""
        assert self.handle is not None
        event, before = self.feed.stripe.tells_of_invoice(kind, self.feed.invoice(self.tenant), **changes), self.tries
        self.feed.hears(event)
        await self.handle.signal(StripeEvents.poke)
        await self.has(lambda story: tries(story) > before)
        self.tries = tries(await self.story())
        return event.event_id

    async def has(self, wanted: Callable[[FeedStory], bool]) -> None:
        """Return once the story says so: while a case begins, its beginner has nothing to do and is not done."""
        async with asyncio.timeout(15):
            while not wanted(await self.story()):  # noqa: ASYNC110 - a query is all there is to ask
                await asyncio.sleep(0.01)

    async def story(self) -> FeedStory:
        assert self.handle is not None
        return await self.handle.query(StripeEvents.story)

    async def closes(self) -> None:
        if self.handle is not None and self.handle.id != CASE_ID:
            await self.handle.terminate()
        for case in (f"delinquency/{self.tenant}", CASE_ID):
            with suppress(RPCError):
                await self.client.get_workflow_handle(case).terminate()

    async def told(self) -> list[str]:
        case = self.client.get_workflow_handle(f"delinquency/{self.tenant}")
        return [news.event_id for news in await case.query(Listening.told)]


def tries(story: FeedStory) -> int:
    made = story.totals
    return made.processed + made.ignored + made.parked + made.put_off


@asynccontextmanager
async def a_house(feed: Feed, clock: CaseClock, **options: Any) -> AsyncIterator[House]:
    queue, tenant = f"events-{uuid4().hex[:8]}", f"acme-{uuid4().hex[:8]}"
    feed.bills(tenant)
    house = House(feed, clock, queue, tenant)
    staff: Any = Staff()
    letters = Letters(house.postman, FakeEffects(), staff, lambda: datetime.now(UTC))
    with ThreadPoolExecutor(4) as threads:
        async with Worker(
            clock.client,
            task_queue=queue,
            workflows=[StripeEvents, StripeEventsSweep, Listening],
            activities=[feed.desk.process, feed.desk.settle, feed.desk.sweep, letters.notify],
            interceptors=[FailureBoundary()],
            activity_executor=threads,
            **{"workflow_runner": sandboxed_runner(), **options},
        ):
            yield house
            await house.closes()
