"""An office that works disputes: real runbooks and activities on a real Postgres, with fakes for Stripe and the mail.

    case = await office.opens(tenant, disputed="48.00")
    await case.hours(30)
    await case.is_decided_by("lead-1", Verdict.APPROVE)
    assert await case.ending() is Ending.CREDITED

Time stands still unless a test turns it; `timeline` says in which hour of the case each sentence was written.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from adapters.postgres.decisions import DecisionLog
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
from tests.fixtures.temporal import CaseClock
from tests.workflows.desk import Desk, InHand, opened
from tests.workflows.world import METER, PERIOD
from workflows.dispute import Dispute

NUMBERS = count(4711)


def a_ticket(tenant_id: str, currency: str = "USD", disputed: str = "48.00", **changes: Any) -> Ticket:
    """A dispute about October's API calls; `disputed` in major units off a bill of 900."""
    billed = Money.of("90000", currency) if currency == "JPY" else Money.of("900.00", currency)
    plain = {
        "ticket_id": f"T-{next(NUMBERS)}-{uuid4().hex[:6]}",
        "tenant_id": tenant_id,
        "period": PERIOD,
        "meters": (METER,),
        "category": Category.USAGE_CALCULATION,
        "billed_amount": billed.major,
        "claimed_amount": (billed - Money.of(disputed, currency)).major,
        "currency": currency,
        "requester": Requester(name="Accounts", email=f"accounts@{tenant_id}.example"),
        "opened_at": datetime.now(UTC),
    }
    return Ticket.model_validate(plain | changes)


class Office(Desk):
    """One company that works disputes."""

    @property
    def log(self) -> DecisionLog:
        return DecisionLog(self.world.engine)

    def ticket(self, tenant: Tenant, disputed: str = "48.00", **changes: Any) -> Ticket:
        return a_ticket(tenant.tenant_id, tenant.currency, disputed, **changes)

    async def opens(self, tenant: Tenant, disputed: str = "48.00", **changes: Any) -> "CaseInHand":
        """A ticket arrives and its case is worked until it waits for something."""
        return await self.takes(Opening(ticket=self.ticket(tenant, disputed, **changes)))

    async def takes(self, opening: Opening) -> "CaseInHand":
        handle = await self.begins(Dispute.run, opening, f"dispute/{opening.ticket.ticket_id}")
        case = CaseInHand(self.clock, handle, self, opening)
        await case.rests()
        return case


@dataclass
class CaseInHand(InHand):
    """One dispute under the test's hand."""

    office: Office
    opening: Opening

    async def story(self) -> CaseStory:
        return await self.handle.query(Dispute.story)

    async def timeline(self) -> list[str]:
        """`  48h  update 1 to the customer`: the hour of the case in which each sentence was written."""
        lines = (await self.story()).timeline
        began = lines[0].at
        return [f"{(line.at - began) / timedelta(hours=1):>4.0f}h  {line.text}" for line in lines]

    async def hears(self, reply_id: str, text: str = "The batch key.", *, ago: timedelta = timedelta(0)) -> None:
        """The customer's words arrive, written `ago` by the case's clock."""
        written = await self.clock.now(self.handle) - ago
        reply = CustomerReply(reply_id=reply_id, text=text, received_at=written)
        await self.handle.signal(Dispute.customer_replied, reply)
        await self.rests()

    async def does(self, update: Any, message: Any) -> Any:
        """Send an update and let the case work on it."""
        return await self.sends(update, message)

    async def is_decided_by(self, person: str, verdict: Verdict, **changes: Any) -> DecisionReceipt:
        """The operator signs an answer to the open question; `changes` forge parts of it after signing."""
        signed = self.signed_by(person, await self.question(), verdict).model_copy(update=changes)
        receipt: DecisionReceipt = await self.does(Dispute.decide, signed)
        return receipt

    def signed_by(self, person: str, pending: PendingApproval, verdict: Verdict) -> SignedDecision:
        """What the operator's own token makes of an answer."""
        return self.office.signed_by(person, pending, verdict)

    async def ending(self) -> Ending:
        return await self.ended("dispute", Ending)


@asynccontextmanager
async def an_office(engine: Engine, clock: CaseClock, evidence: Path, **replaced: Any) -> AsyncIterator[Office]:
    """Found the company and open the office; `replaced` swaps ports."""
    async with opened(Office, engine, clock, evidence, **replaced) as office:
        yield office
