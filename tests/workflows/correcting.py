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
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, select, text

from adapters.postgres.invoices import Invoices
from adapters.postgres.tables import invoices
from billing.cases import DecisionReceipt, SignedDecision, Verdict
from billing.invoice_corrections import CorrectionOrder, CorrectionStory, Deed, Ending
from billing.invoices import Invoice
from billing.money import Money
from billing.month_end import Instruction
from tests.fixtures.temporal import CaseClock
from tests.workflows.desk import Desk, InHand, opened
from workflows.invoice_correction import InvoiceCorrection


class CorrectingDesk(Desk):
    """One company that corrects its invoices."""

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
        handle = await self.begins(InvoiceCorrection.run, order, order.case_id)
        case = CorrectionInHand(self.clock, handle, self, order)
        await case.rests()
        return case


@dataclass
class CorrectionInHand(InHand):
    """One correction under the test's hand."""

    desk: CorrectingDesk
    order: CorrectionOrder

    async def story(self) -> CorrectionStory:
        return await self.handle.query(InvoiceCorrection.story)

    async def does(self, update: Any, by: str, reason: str = "The customer found the payment.") -> str:
        """Withdraw it, or let it try again."""
        answer: str = await self.sends(update, Instruction(by=by, reason=reason))
        return answer

    async def is_decided_by(self, person: str, verdict: Verdict = Verdict.APPROVE, reason: str = "") -> DecisionReceipt:
        """The operator signs an answer to the open question."""
        signed = await self.signed_by(person, verdict, reason)
        receipt: DecisionReceipt = await self.sends(InvoiceCorrection.decide, signed)
        return receipt

    async def signed_by(self, person: str, verdict: Verdict, reason: str = "") -> SignedDecision:
        """What the operator's own token makes of an answer to the open question."""
        return self.desk.signed_by(person, await self.question(), verdict, reason)

    async def ending(self) -> Ending:
        return await self.ended("invoice_correction", Ending)


@asynccontextmanager
async def a_correcting_desk(
    engine: Engine, clock: CaseClock, files: Path, **replaced: Any
) -> AsyncIterator[CorrectingDesk]:
    """Found the company and open the desk; `replaced` swaps ports."""
    async with opened(CorrectingDesk, engine, clock, files, **replaced) as desk:
        yield desk
