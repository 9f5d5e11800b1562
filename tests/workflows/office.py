"""An office that works disputes: real runbooks and activities on a real Postgres, with fakes for Stripe and the mail.

    case = await office.opens(tenant, disputed="48.00")
    await case.hours(30)
    await case.is_decided_by("lead-1", Verdict.APPROVE)
    assert await case.ending() is Ending.CREDITED

Time stands still unless a test turns it; `timeline` says in which hour of the case each sentence was written.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from activities.binding import Ports
from adapters.operator_keys import sign
from adapters.postgres.decisions import DecisionLog
from adapters.stripe.rates import StripeRates
from billing.cases import (
    CaseStory,
    CustomerReply,
    DecisionReceipt,
    Ending,
    Opening,
    PendingApproval,
    SignedDecision,
    Verdict,
)
from billing.disputes import Category, Requester, Ticket
from billing.money import Money
from billing.tenants import Tenant
from tests.fakes.collector import FakeCollector
from tests.fakes.invoicing import FakeInvoicing
from tests.fakes.postman import FakePostman
from tests.fakes.provider import FakeProvider
from tests.fixtures.temporal import CaseClock, Handle
from tests.histories.keeping import keep
from tests.workflows.world import METER, PERIOD, World
from worker import Vendors, ports_over, working
from workflows.dispute import Dispute

NUMBERS = count(4711)


@dataclass
class Office:
    """One company with its runbooks at work; every test gets its own."""

    clock: CaseClock
    world: World
    ports: Ports
    provider: FakeProvider
    postman: FakePostman
    queue: str

    @property
    def log(self) -> DecisionLog:
        return DecisionLog(self.world.engine)

    def ticket(self, tenant: Tenant, disputed: str = "48.00", **changes: Any) -> Ticket:
        """A dispute about October's API calls; `disputed` in major units off a bill of 900."""
        billed = Money.of("90000", tenant.currency) if tenant.currency == "JPY" else Money.of("900.00", tenant.currency)
        plain = {
            "ticket_id": f"T-{next(NUMBERS)}-{uuid4().hex[:6]}",
            "tenant_id": tenant.tenant_id,
            "period": PERIOD,
            "meters": (METER,),
            "category": Category.USAGE_CALCULATION,
            "billed_amount": billed.major,
            "claimed_amount": (billed - Money.of(disputed, tenant.currency)).major,
            "currency": tenant.currency,
            "requester": Requester(name="Accounts", email=f"accounts@{tenant.tenant_id}.example"),
            "opened_at": datetime.now(UTC),
        }
        return Ticket.model_validate(plain | changes)

    async def opens(self, tenant: Tenant, disputed: str = "48.00", **changes: Any) -> "CaseInHand":
        """A ticket arrives and its case is worked until it waits for something."""
        return await self.takes(Opening(ticket=self.ticket(tenant, disputed, **changes)))

    async def takes(self, opening: Opening) -> "CaseInHand":
        with self.clock.held():
            handle = await self.clock.client.start_workflow(
                Dispute.run, opening, id=f"dispute/{opening.ticket.ticket_id}", task_queue=self.queue
            )
        case = CaseInHand(self, opening, handle)
        await case.rests()
        return case


@dataclass
class CaseInHand:
    """One dispute under the test's hand."""

    office: Office
    opening: Opening
    handle: Handle

    async def rests(self) -> None:
        """Return once the case waits for time or people, or has ended."""
        await self.office.clock.settled(self.handle)

    async def hours(self, hours: float) -> None:
        await self.office.clock.advance(self.handle, timedelta(hours=hours))

    async def story(self) -> CaseStory:
        return await self.handle.query(Dispute.story)

    async def timeline(self) -> list[str]:
        """`  48h  update 1 to the customer`: the hour of the case in which each sentence was written."""
        lines = (await self.story()).timeline
        began = lines[0].at
        return [f"{(line.at - began) / timedelta(hours=1):>4.0f}h  {line.text}" for line in lines]

    async def hears(self, reply_id: str, text: str = "The batch key.", *, ago: timedelta = timedelta(0)) -> None:
        """The customer's words arrive, written `ago` by the case's clock."""
        written = await self.office.clock.now(self.handle) - ago
        reply = CustomerReply(reply_id=reply_id, text=text, received_at=written)
        await self.handle.signal(Dispute.customer_replied, reply)
        await self.rests()

    async def does(self, update: Any, message: Any) -> Any:
        """Send an update and let the case work on it."""
        answer = await self.handle.execute_update(update, message)
        await self.rests()
        return answer

    async def is_decided_by(self, person: str, verdict: Verdict, **changes: Any) -> DecisionReceipt:
        """The operator signs an answer to the open question; `changes` forge parts of it after signing."""
        pending = (await self.story()).approval
        assert pending is not None, "nothing waits for approval"
        signed = self.signed_by(person, pending, verdict).model_copy(update=changes)
        receipt: DecisionReceipt = await self.does(Dispute.decide, signed)
        return receipt

    def signed_by(self, person: str, pending: PendingApproval, verdict: Verdict) -> SignedDecision:
        """What the operator's own token makes of an answer."""
        decision = SignedDecision(
            approval_id=pending.approval_id,
            request_sha256=pending.request_sha256,
            verdict=verdict,
            operator_id=person,
            decided_at=datetime.now(UTC),
        )
        return sign(decision, self.office.world.tokens[person])

    async def ending(self) -> Ending:
        ending = Ending(await self.handle.result())
        keep("dispute", ending.name.lower(), await self.handle.fetch_history())
        return ending


@asynccontextmanager
async def an_office(engine: Engine, clock: CaseClock, evidence: Path, **replaced: Any) -> AsyncIterator[Office]:
    """Found the company and open the office; `replaced` swaps ports."""
    world = World(engine)
    world.found()
    provider, postman = FakeProvider(), FakePostman()
    ports = replace(
        ports_over(
            engine,
            evidence,
            Vendors(provider=provider, invoicing=FakeInvoicing(), collector=FakeCollector(), postman=postman),
        ),
        **replaced,
    )
    queue = f"office-{uuid4().hex[:8]}"
    async with working(clock.client, queue, ports, rates=StripeRates(10_000)):
        yield Office(clock=clock, world=world, ports=ports, provider=provider, postman=postman, queue=queue)
