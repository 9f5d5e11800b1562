"""A company that corrects its invoices: real runbook and activities on a real Postgres, with fakes for Stripe and the mail.

    acme = desk.owes("acme")
    case = await desk.orders(acme, amount="25.00")
    await case.is_decided_by("agent-2", Verdict.APPROVE)
    assert await case.ending() is Ending.CREDITED

Every tenant has one invoice over USD 310.00 for October; time stands still unless a test turns it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, select, text

from adapters.operator_keys import sign
from adapters.postgres.invoices import Invoices
from adapters.postgres.tables import invoices
from adapters.stripe.rates import StripeRates
from billing.cases import DecisionReceipt, SignedDecision, Verdict
from billing.emails import Payload
from billing.invoice_corrections import CorrectionOrder, CorrectionStory, Deed, Ending
from billing.invoices import Invoice
from billing.money import Money
from billing.month_end import Instruction
from tests.fakes.collector import FakeCollector
from tests.fakes.invoicing import FakeInvoicing
from tests.fakes.postman import FakePostman
from tests.fakes.provider import FakeProvider
from tests.fixtures.temporal import CaseClock, Handle
from tests.histories.keeping import keep
from tests.workflows.world import World
from worker import Ports, Vendors, ports_over, working
from workflows.invoice_correction import InvoiceCorrection


@dataclass
class CorrectingDesk:
    """One company with its runbooks at work; every test gets its own."""

    clock: CaseClock
    world: World
    ports: Ports
    provider: FakeProvider
    postman: FakePostman
    queue: str

    def owes(self, tenant_id: str = "acme", **changes: Any) -> Invoice:
        """A tenant whose invoice nobody has paid yet."""
        self.world.tenant(tenant_id, **changes)
        with self.world.engine.begin() as connection:
            connection.execute(text("update invoices set status = 'open' where tenant_id = :it"), {"it": tenant_id})
        return self.invoice(tenant_id)

    def has_paid(self, tenant_id: str = "acme", **changes: Any) -> Invoice:
        """A tenant whose invoice is paid."""
        self.world.tenant(tenant_id, **changes)
        self.pays(tenant_id)
        return self.invoice(tenant_id)

    def pays(self, tenant_id: str, remaining: str = "0.00") -> None:
        """A payment arrives at the provider; `remaining` is still due."""
        invoice = self.invoice(tenant_id)
        self.provider.amount_remaining[invoice.provider_invoice_id or ""] = Money.of(remaining, invoice.currency).minor

    def invoice(self, tenant_id: str) -> Invoice:
        """Its newest revision."""
        newest = select(invoices.c.invoice_id).where(invoices.c.tenant_id == tenant_id)
        with self.world.engine.connect() as connection:
            name = connection.execute(newest.order_by(invoices.c.revision.desc()).limit(1)).scalar_one()
        return Invoices(self.world.engine).get(name)

    def order(self, invoice: Invoice, deed: Deed = Deed.CREDIT, **changes: Any) -> CorrectionOrder:
        """An order of an agent; `amount` in major units."""
        if "amount" in changes:
            changes["amount"] = Money.of(changes["amount"], invoice.currency)
        plain = {
            "deed": deed,
            "invoice": invoice.number,
            "reason": "The meter counted twice on 3 October.",
            "requested_by": "agent-1",
            "occasion": f"k-{uuid4().hex[:8]}",
        }
        return CorrectionOrder.model_validate(plain | changes)

    async def orders(self, invoice: Invoice, deed: Deed = Deed.CREDIT, **changes: Any) -> CorrectionInHand:
        """A correction is ordered, and worked until it waits for something."""
        order = self.order(invoice, deed, **changes)
        with self.clock.held():
            handle = await self.clock.client.start_workflow(
                InvoiceCorrection.run, order, id=order.case_id, task_queue=self.queue
            )
        case = CorrectionInHand(self, order, handle)
        await case.rests()
        return case

    def told(self, template: str) -> dict[str, Payload]:
        """What was written last, by reader."""
        return {
            sent.letter.to.email.partition("@")[0]: sent.letter.payload
            for sent in self.postman.mailbox
            if sent.letter.payload.template == template
        }


@dataclass
class CorrectionInHand:
    """One correction under the test's hand."""

    desk: CorrectingDesk
    order: CorrectionOrder
    handle: Handle

    async def rests(self) -> None:
        """Return once it waits for time or people, or has ended."""
        await self.desk.clock.settled(self.handle)

    async def hours(self, hours: float) -> None:
        await self.desk.clock.advance(self.handle, timedelta(hours=hours))

    async def story(self) -> CorrectionStory:
        return await self.handle.query(InvoiceCorrection.story)

    async def timeline(self) -> list[str]:
        return [line.text for line in (await self.story()).timeline]

    async def does(self, update: Any, by: str, reason: str = "The customer found the payment.") -> str:
        """Withdraw it, or let it try again."""
        answer: str = await self.handle.execute_update(update, Instruction(by=by, reason=reason))
        await self.rests()
        return answer

    async def is_decided_by(self, person: str, verdict: Verdict = Verdict.APPROVE, reason: str = "") -> DecisionReceipt:
        """The operator signs an answer to the open question."""
        receipt: DecisionReceipt = await self.handle.execute_update(
            InvoiceCorrection.decide, await self.signed_by(person, verdict, reason)
        )
        await self.rests()
        return receipt

    async def signed_by(self, person: str, verdict: Verdict, reason: str = "") -> SignedDecision:
        """What the operator's own token makes of an answer to the open question."""
        pending = (await self.story()).approval
        assert pending is not None, "nothing waits for approval"
        decision = SignedDecision(
            approval_id=pending.approval_id,
            request_sha256=pending.request_sha256,
            verdict=verdict,
            operator_id=person,
            reason=reason,
            decided_at=datetime.now(UTC),
        )
        return sign(decision, self.desk.world.tokens[person])

    async def ending(self) -> Ending:
        ending = Ending(await self.handle.result())
        keep("invoice_correction", ending.name.lower(), await self.handle.fetch_history())
        return ending


@asynccontextmanager
async def a_correcting_desk(
    engine: Engine, clock: CaseClock, files: Path, **replaced: Any
) -> AsyncIterator[CorrectingDesk]:
    """Found the company and open the desk; `replaced` swaps ports."""
    world = World(engine)
    world.found()
    provider, postman = FakeProvider(), FakePostman()
    ports = replace(
        ports_over(
            engine,
            files,
            Vendors(provider=provider, invoicing=FakeInvoicing(), collector=FakeCollector(), postman=postman),
        ),
        **replaced,
    )
    queue = f"correcting-{uuid4().hex[:8]}"
    async with working(clock.client, queue, ports, rates=StripeRates(10_000)):
        yield CorrectingDesk(clock, world, ports, provider, postman, queue)
