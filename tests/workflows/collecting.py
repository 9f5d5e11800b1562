"""An office that collects: the retries of one invoice on the real Temporal, with the bank, the books and the mail in memory.

    chase = await office.chases(Money.of("120.00", "USD"), answers=["insufficient_funds"])
    await chase.hours(6.1)
    assert await chase.timeline() == [...]

The bank and the books read the time off the activity that asks, so that they agree with the clock of the case.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event
from typing import Any
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.worker import Worker

from activities.boundary import FailureBoundary
from activities.lanes import PAYMENTS_LANE, lane_queue
from activities.letters import Letters
from activities.operators import Operators
from activities.payments import Payments
from billing.authority import RUNBOOK, Role
from billing.emails import Recipient
from billing.holds import HeldEffect, Hold
from billing.money import Money
from billing.payment_collection import COLLECTION
from billing.payments import (
    ATTEMPT_NOW,
    AttemptOrder,
    AttemptResult,
    AttemptTold,
    ManualAttempt,
    Origin,
    RetryOrder,
    RetryPhase,
    RetryStory,
)
from billing.policy.bundle import Policy
from billing.policy.standard import STANDARD
from billing.provider_events import News
from billing.recovery import CASE, HEARD, DelinquencyOrder
from billing.tenants import Tenant
from tests.fakes.collector import FakeCollector
from tests.fakes.effects import FakeEffects
from tests.fakes.postman import FakePostman
from tests.fakes.receivables import FakeReceivables
from tests.fixtures.temporal import CaseClock, Handle
from tests.histories.keeping import keep
from workflows.blocks.sandbox import sandboxed_runner
from workflows.payment_collection import PaymentCollection
from workflows.payment_retry import PaymentRetry

TENANT = "acme"
_NUMBERS = count(1)


def now() -> datetime:
    """The clock of the case whose activity asks; outside of one, the wall's."""
    if activity.in_activity():
        return activity.info().current_attempt_scheduled_time
    return datetime.now(UTC)


class Standard:
    """The standard policy for everybody, and no tenant on record."""

    def in_force(self, tenant: Tenant | None) -> Policy:
        return STANDARD

    def find(self, tenant_id: str) -> Tenant | None:
        return None


@dataclass
class HoldBoard:
    """Holds in memory."""

    held: list[Hold] = field(default_factory=list)

    def in_force(self, effect: HeldEffect | None = None) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.held if effect in (None, hold.effect))

    def stops_charging(self, tenant_id: str | None = None, effect: HeldEffect = HeldEffect.CHARGING) -> None:
        self.held.append(
            Hold(
                hold_id="hold-1",
                effect=effect,
                tenant_id=tenant_id,
                reason="the bank statement is checked",
                placed_by="finance-1",
                placed_at=datetime(2026, 11, 1, tzinfo=UTC),
            )
        )


class Staff:
    """One lead, and somebody in finance who reads the letters; `there` is cleared while nobody can say who may do what."""

    def __init__(self) -> None:
        self.there = Event()
        self.there.set()

    def role_of(self, operator_id: str) -> Role | None:
        self.there.wait(timeout=30)
        return {"lead-1": Role.LEAD, "finance-1": Role.FINANCE, "engineer-1": Role.ENGINEERING}.get(operator_id)

    def recipients(self, role: Role) -> list[Recipient]:
        return [Recipient(name="Finance", email="finance@ops.example", locale="en-US", zone="UTC")]


@workflow.defn(name="parent-of-a-chase", sandboxed=False)
class Parent:
    """Stands for the tenant's case: starts the child, keeps what it hears, and passes on what it is told to say."""

    def __init__(self) -> None:
        self.told: list[AttemptTold] = []
        self.over = False

    @workflow.run
    async def run(self, order: RetryOrder) -> int:
        child = await workflow.start_child_workflow(PaymentRetry.run, order, id=order.workflow_id)
        await child
        return len(self.told)

    @workflow.signal
    def heard_attempt(self, told: AttemptTold) -> None:
        self.told.append(told)

    @workflow.query
    def heard(self) -> list[AttemptTold]:
        return self.told


@workflow.defn(name=CASE, sandboxed=False)
class Recovery:
    """Stands for the recovery of a tenant: keeps what it hears until it is told that it is over."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.over = False

    @workflow.run
    async def run(self, order: DelinquencyOrder) -> None:
        self.news += [order.heard] if order.heard else []
        await workflow.wait_condition(lambda: self.over)

    @workflow.signal(name=HEARD)
    def hear(self, news: News) -> None:
        self.news.append(news)

    @workflow.signal
    def end(self) -> None:
        self.over = True

    @workflow.query
    def heard_of(self) -> list[News]:
        return self.news


@dataclass
class CollectingOffice:
    """One bank, one set of books, and the runbook at work; every test gets its own."""

    clock: CaseClock
    queue: str
    bank: FakeCollector = field(default_factory=lambda: FakeCollector(now=now))
    holds: HoldBoard = field(default_factory=HoldBoard)
    postman: FakePostman = field(default_factory=FakePostman)
    effects: FakeEffects = field(default_factory=FakeEffects)
    staff: Staff = field(default_factory=Staff)

    def __post_init__(self) -> None:
        self.book = FakeReceivables(self.bank, effects=self.effects)

    @property
    def payments(self) -> Payments:
        standard: Any = Standard()
        held: Any = self.holds
        return Payments(self.book, self.effects, self.bank, standard, standard, held, now)

    def bills(self, due: Money, **about: Any) -> str:
        """An invoice whose original charge failed a moment ago, unless `failed` says otherwise; answers its id."""
        failed = about.pop("failed", True)
        invoice_id = f"inv-{next(_NUMBERS)}-{uuid4().hex[:6]}"
        billed = self.bank.bill(invoice_id, TENANT, due, **about)
        billed.failed_at = now() if failed else None
        return invoice_id

    def is_charged_first(self, due: Money, answer: str) -> str:
        """An invoice that the daily collection has charged in vain; answers its id."""
        self.bank.next_answers.append(answer)
        order = AttemptOrder(
            tenant_id=TENANT,
            invoice_id=self.bills(due, failed=False),
            origin=Origin.SCHEDULED,
            number=1,
            case_id=COLLECTION,
            requested_by=RUNBOOK,
        )
        self.payments.attempt(order)
        return order.invoice_id

    async def chases(
        self, due: Money, answers: Sequence[str] = (), *, alone: bool = False, **about: Any
    ) -> ChaseInHand:
        """The retries of an invoice over `due` begin; the bank gives `answers` in turn, then says yes."""
        self.bank.next_answers.extend(answers)
        return await self.takes_up(self.bills(due, **about), alone=alone)

    async def takes_up(self, invoice_id: str, *, alone: bool = False) -> ChaseInHand:
        order = RetryOrder(
            tenant_id=TENANT, invoice_id=invoice_id, episode=1, case_id=f"delinquency/{TENANT}/1", alone=alone
        )
        with self.clock.held():
            handle = await self.clock.client.start_workflow(
                PaymentRetry.run, order, id=order.workflow_id, task_queue=self.queue
            )
        chase = ChaseInHand(self, invoice_id, handle)
        await self.clock.settled(handle)
        return chase


@dataclass
class ChaseInHand:
    """The retries of one invoice under the test's hand."""

    office: CollectingOffice
    invoice_id: str
    handle: Handle

    async def hours(self, hours: float) -> None:
        await self.office.clock.advance(self.handle, timedelta(hours=hours))

    async def story(self) -> RetryStory:
        return await self.handle.query(PaymentRetry.story)

    async def timeline(self) -> list[str]:
        """` 6h  scheduled 2: ...`: the hour of the case in which each sentence was written."""
        lines = (await self.story()).timeline
        began = lines[0].at
        return [f"{(line.at - began) / timedelta(hours=1):>3.0f}h  {line.text}" for line in lines[1:]]

    async def hears(self, signal: str, *content: Any) -> None:
        await self.handle.signal(signal, args=list(content))
        await self.office.clock.settled(self.handle)

    async def is_charged_by(self, operator: str, reason: str = "the customer asked on the phone") -> AttemptResult:
        answer: AttemptResult = await self.handle.execute_update(
            ATTEMPT_NOW, ManualAttempt(by=operator, reason=reason), result_type=AttemptResult
        )
        await self.office.clock.settled(self.handle)
        return answer

    async def is_over(self) -> RetryPhase:
        """The case says that nobody chases the debt any more; answers how it ended, and keeps its history."""
        await self.handle.signal(PaymentRetry.be_over)
        phase = RetryPhase(await self.handle.result())
        keep("payment_retry", phase.name.lower(), await self.handle.fetch_history())
        return phase


@asynccontextmanager
async def a_collecting_office(clock: CaseClock) -> AsyncIterator[CollectingOffice]:
    """Open the office and put its runbook to work on a queue of its own."""
    office = CollectingOffice(clock=clock, queue=f"collecting-{uuid4().hex[:8]}")
    payments = office.payments
    directory: Any = office.staff
    letters = Letters(office.postman, office.effects, directory, now)
    shared: dict[str, Any] = {"interceptors": [FailureBoundary()]}
    with ThreadPoolExecutor(4) as threads:
        shared["activity_executor"] = threads
        async with (
            Worker(
                clock.client,
                task_queue=office.queue,
                workflows=[PaymentRetry, PaymentCollection, Parent, Recovery],
                activities=[payments.due, payments.close, letters.notify, Operators(directory).objection],
                workflow_runner=sandboxed_runner(),
                **shared,
            ),
            Worker(
                clock.client,
                task_queue=lane_queue(office.queue, PAYMENTS_LANE),
                activities=[payments.open, payments.refresh, payments.attempt, payments.look_up],
                **shared,
            ),
        ):
            yield office
