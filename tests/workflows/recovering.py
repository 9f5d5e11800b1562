"""A company that recovers what it is owed: real runbooks and activities on a real Postgres, with a bank and the mail in memory.

    owed = desk.owes("310.00")
    case = await desk.takes_up()
    await case.days(8)
    assert (await case.timeline())[-1] == "day  7  limited to 10 % of the usual rate, USD 310.00 is owed"

A case with a child that is open has a clock that cannot be turned, so the chases of its invoices stand in: they end at once,
and what they would have told is said by `attempt_fails` on the day on which it happens. `with_real_chases` runs the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from pytest import MonkeyPatch
from sqlalchemy import Engine, text
from temporalio import workflow

from activities.payments import Payments
from adapters.stripe.rates import StripeRates
from billing.arrangements import Arrangement
from billing.authority import RUNBOOK
from billing.cases import DecisionReceipt, Verdict
from billing.holds import HeldEffect, HoldOrder
from billing.money import Money
from billing.payments import (
    HEARD_ATTEMPT,
    AttemptOrder,
    AttemptResult,
    AttemptTold,
    Origin,
    Outcome,
    RefreshOrder,
    RetryOrder,
    RetryPhase,
)
from billing.provider_events import News, NewsKind
from billing.recovery import ArrangementOrder, DelinquencyOrder, Ending, RecoveryStory
from tests.fakes.collector import FakeCollector
from tests.fixtures.temporal import CaseClock
from tests.workflows.collecting import now
from tests.workflows.desk import Desk, InHand, opened
from worker import working
from workflows.delinquency import Delinquency
from workflows.payment_retry import PaymentRetry
from workflows.registry import RUNBOOKS

DECLINED = "insufficient_funds"


class RecoveringDesk(Desk):
    """One company that collects from one customer at a time."""

    tenant_id = ""
    at: datetime | None = None

    @property
    def bank(self) -> FakeCollector:
        bank = self.ports.collector
        assert isinstance(bank, FakeCollector)
        return bank

    def owes(self, amount: str = "310.00", *, usage_only: bool = False, **changes: Any) -> str:
        """A new customer, shown as acme, whose first charge was declined a moment ago; answers its invoice."""
        tenant_id = self.tenant_id = f"acme-{uuid4().hex[:8]}"
        tenant = self.world.tenant(tenant_id, **changes)
        invoice_id = f"inv-{tenant_id}"
        if not usage_only:
            self._bills_a_plan(invoice_id)
        self.bank.cards[tenant_id] = DECLINED
        self._billed(invoice_id, tenant_id, Money.of(amount, tenant.currency))
        return invoice_id

    def owes_more(self, amount: str, *, ago: timedelta = timedelta(0)) -> str:
        """Another invoice of the customer, whose charge was declined `ago`."""
        tenant_id = self.tenant_id
        invoice_id = f"inv-{tenant_id}-{uuid4().hex[:6]}"
        with self.world.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into invoices (invoice_id, number, revision, tenant_id, period, status, currency, total_minor,"
                    " issued_at, provider_invoice_id) select :id, :number, 1, tenant_id, '2026-09', 'open', currency,"
                    " total_minor, issued_at, :provider from invoices where invoice_id = :first"
                ),
                {
                    "id": invoice_id,
                    "number": f"INV-2026-09-{tenant_id}",
                    "provider": f"in_{invoice_id}",
                    "first": f"inv-{tenant_id}",
                },
            )
        self._billed(invoice_id, tenant_id, Money.of(amount, "USD"), ago=ago)
        return invoice_id

    def contests(self, period: str, at: datetime) -> None:
        """The customer contests a month with us."""
        with self.world.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into disputes (case_id, ticket_id, tenant_id, period, category, meters, invoice_id,"
                    " disputed_minor, currency, severity, ticket, opened_at) values ('dispute/T-' || :it, 'T-' || :it, :it,"
                    " :period, 'usage_calculation', '{api_calls}', 'inv-' || :it, 100, 'USD', 'low', '{}', :at)"
                ),
                {"it": self.tenant_id, "period": period, "at": at},
            )

    def _bills_a_plan(self, invoice_id: str) -> None:
        """Its line is a plan's fee and no usage; issued documents are else never changed."""
        with self.world.engine.begin() as connection:
            connection.execute(text("set local session_replication_role = replica"))
            connection.execute(
                text("update invoice_lines set kind = 'fee' where invoice_id = :it"),
                {"it": invoice_id},
            )

    def _billed(self, invoice_id: str, tenant_id: str, due: Money, *, ago: timedelta = timedelta(0)) -> None:
        billed = self.bank.bill(invoice_id, tenant_id, due)
        billed.failed_at = self.later() - ago
        self.reads(invoice_id)

    def reads(self, *invoices: str) -> None:
        """The provider's events are worked through: the mirror is fresh."""
        self._payments.refresh(RefreshOrder(invoice_ids=invoices))

    def is_charged(self, invoice_id: str, answer: str) -> None:
        """The charge of the day it fell due is made, and the bank answers."""
        self.bank.next_answers.append(answer)
        order = AttemptOrder(
            tenant_id=self.tenant_id,
            invoice_id=invoice_id,
            origin=Origin.SCHEDULED,
            number=1,
            case_id="payment-collection",
            requested_by=RUNBOOK,
        )
        self._payments.attempt(order)

    @property
    def _payments(self) -> Payments:
        ports = self.ports
        return Payments(
            ports.receivables, ports.effects, ports.collector, ports.tenants, ports.policies, ports.holds, self.later
        )

    def later(self) -> datetime:
        """The clock of the case that is turned, for what happens outside of it."""
        return self.at or datetime.now(UTC)

    async def takes_up(self, order: DelinquencyOrder | None = None) -> CaseInHand:
        """The case of the customer begins, and is worked until it waits."""
        order = order or DelinquencyOrder(tenant_id=self.tenant_id)
        handle = await self.begins(Delinquency.run, order, order.workflow_id)
        case = CaseInHand(self.clock, handle, self, order.tenant_id)
        await case.has_settled_in()
        return case


def days_of(timeline: list[str], *words: str) -> list[str]:
    """The lines that begin with one of these, behind their day."""
    return [line for line in timeline if line[8:].startswith(words)]


async def until(case: CaseInHand, holds: Callable[[RecoveryStory], bool]) -> RecoveryStory:
    """The story once it is so: a signal between two runbooks is on its way while both of them rest."""
    async with asyncio.timeout(15):
        while not holds(story := await case.story()):  # noqa: ASYNC110 - a query is all there is to ask
            await asyncio.sleep(0.02)
    return story


@dataclass
class CaseInHand(InHand):
    """One recovery under the test's hand."""

    desk: RecoveringDesk
    tenant_id: str

    async def story(self) -> RecoveryStory:
        return await self.handle.query(Delinquency.story)

    async def has_settled_in(self) -> None:
        """Return once everything is done that is due at its beginning. Between asking for a child and its beginning a case
        looks as if it waited."""
        async with asyncio.timeout(30):
            while True:
                await self.rests()
                story, now = await self.story(), await self.clock.now(self.handle)
                if story.ending or story.waits or story.needs_human or (story.next_at and story.next_at > now):
                    return

    async def days(self, days: float) -> None:
        """Turn the clock of the case."""
        await self.hours(days * 24)
        self.desk.at = await self.clock.now(self.handle)

    async def attempt_fails(self, number: int, *, last: bool = False) -> None:
        """A scheduled attempt at the first invoice is declined, and the chase tells."""
        told = AttemptTold(
            invoice_id=(await self.story()).debts[0].invoice_id,
            origin=Origin.SCHEDULED,
            number=number,
            result=AttemptResult(outcome=Outcome.DECLINED, words=f"declined, {DECLINED}"),
            phase=RetryPhase.EXHAUSTED if last else RetryPhase.RETRYING,
        )
        await self.handle.signal(Delinquency.heard_attempt, told)
        await self.rests()

    async def retries_fail(self) -> None:
        """All three retries of the first two days are declined."""
        for number, hours in ((2, 6), (3, 18), (4, 24)):
            await self.hours(hours)
            await self.attempt_fails(number, last=number == 4)

    async def timeline(self) -> list[str]:
        """`day  7  reminder 1, ...`: the day of the case on which each sentence was written."""
        lines = (await self.story()).timeline
        began = lines[0].at
        return [
            f"day {(line.at - began) / timedelta(days=1):>2.0f}  {line.text.replace(self.tenant_id, 'acme')}"
            for line in lines
        ]

    async def hears(self, kind: NewsKind = NewsKind.INVOICE) -> None:
        """The provider's event is worked through, and the case told."""
        self.desk.at = await self.clock.now(self.handle)
        bills = self.desk.bank.billed
        self.desk.reads(*(one for one in bills if bills[one].invoice.tenant_id == self.tenant_id))
        news = News(kind=kind, tenant_id=self.tenant_id, event_id=f"evt_{uuid4().hex[:8]}", occurred_at=self.desk.at)
        await self.handle.signal(Delinquency.heard, news)
        await self.rests()

    async def day_in(self, days: int) -> date:
        """A day so many ahead by the clock of the case, where the customer is."""
        now: datetime = await self.clock.now(self.handle)
        return now.astimezone(ZoneInfo("America/New_York")).date() + timedelta(days=days)

    async def is_arranged(self, kind: Arrangement, by: str = "lead-1", **terms: Any) -> str:
        """Somebody agrees on something for the customer."""
        order = ArrangementOrder(kind=kind, by=by, reason="They asked for it by telephone.", **terms)
        answer: str = await self.sends(Delinquency.arrange, order)
        return answer

    async def is_decided_by(self, person: str, verdict: Verdict = Verdict.APPROVE) -> DecisionReceipt:
        signed = self.desk.signed_by(person, await self.question(), verdict)
        receipt: DecisionReceipt = await self.sends(Delinquency.decide, signed)
        return receipt

    async def is_held(self, effect: HeldEffect = HeldEffect.SUSPENSION, *, for_everybody: bool = False) -> str:
        """A hold that covers the tenant is placed now, by the clock of the case, and the case told."""
        order = HoldOrder(
            effect=effect, tenant_id=None if for_everybody else self.tenant_id, reason="An incident.", by="lead-1"
        )
        hold = self.desk.ports.holds.place(order, await self.clock.now(self.handle))
        await self.looks()
        return hold.hold_id

    async def is_released(self, hold_id: str) -> None:
        self.desk.ports.holds.release(hold_id, "lead-1", "It is over.", await self.clock.now(self.handle))
        await self.looks()

    async def is_contested(self, period: str = "2026-10") -> None:
        """The customer contests a month with us by now, by the clock of the case; nobody told the case."""
        self.desk.contests(period, await self.clock.now(self.handle))

    async def is_decided(self, ending: str = "billing confirmed") -> None:
        """The dispute is closed; nobody told the case."""
        with self.desk.world.engine.begin() as connection:
            decided = "update disputes set ending = :ending, closed_at = :at"
            connection.execute(text(decided), {"ending": ending, "at": await self.clock.now(self.handle)})

    async def looks(self) -> None:
        """The case is told that a hold or a dispute changed."""
        await self.handle.signal(Delinquency.holds_changed)
        await self.rests()

    async def ending(self) -> Ending:
        return await self.ended("delinquency", Ending)

    async def letters(self) -> list[str]:
        """What the customer was written, in order."""
        return [
            sent.letter.payload.template
            for sent in self.desk.postman.mailbox
            if sent.letter.to.email == f"billing@{self.tenant_id}.example"
        ]

    @property
    def service(self) -> str:
        """What gateways are told."""
        return self.desk.ports.restrictions.standing(self.tenant_id).restriction.value


@workflow.defn(name="payment-retry", sandboxed=False)
class StandIn:
    """A chase that says at once that it is at work, and leaves everything else to the test."""

    @workflow.run
    async def run(self, order: RetryOrder) -> None:
        parent = workflow.info().parent
        if parent:
            told = AttemptTold(invoice_id=order.invoice_id, phase=RetryPhase.RETRYING)
            await workflow.get_external_workflow_handle(parent.workflow_id).signal(HEARD_ATTEMPT, told)


@asynccontextmanager
async def a_recovering_desk(
    engine: Engine, clock: CaseClock, files: Path, *, with_real_chases: bool = False, **replaced: Any
) -> AsyncIterator[RecoveringDesk]:
    """Found the company and open its desk; `replaced` swaps ports."""
    runbooks = RUNBOOKS if with_real_chases else [one for one in RUNBOOKS if one is not PaymentRetry] + [StandIn]
    with MonkeyPatch.context() as patched:
        patched.setattr("worker.RUNBOOKS", runbooks)
        async with _open(engine, clock, files, replaced) as desk:
            yield desk


@asynccontextmanager
async def _open(
    engine: Engine, clock: CaseClock, files: Path, replaced: dict[str, Any]
) -> AsyncIterator[RecoveringDesk]:
    async with opened(RecoveringDesk, engine, clock, files, now=now, **replaced) as desk:
        desk.bank.now = now
        yield desk


@asynccontextmanager
async def redeployed(desk: RecoveringDesk, recovery: type) -> AsyncIterator[None]:
    """The same desk after a deployment: its worker is gone, and another one is at work with this version of the runbook."""
    runbooks = [one for one in RUNBOOKS if one not in (PaymentRetry, Delinquency)] + [StandIn, recovery]
    with MonkeyPatch.context() as patched:
        patched.setattr("worker.RUNBOOKS", runbooks)
        async with working(desk.clock.client, desk.queue, desk.ports, rates=StripeRates(10_000)):
            yield
