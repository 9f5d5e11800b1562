"""A customer whose invoice for October was corrected: the invoice, the credit note on it and the revision behind."""

from __future__ import annotations

from typing import NamedTuple
from uuid import uuid4

from activities.ports import ProviderAnswer
from billing.cases import Opening
from billing.policy.standard import STANDARD
from tests.adapters.postgres.company import Company, credit_request, opened, ticket
from tests.workflows.world import World


class Corrected(NamedTuple):
    """Numbers of the documents; the invoice of 310 dollars was restated with 298."""

    tenant_id: str
    invoice: str
    note: str
    revision: str


def corrected(world: World) -> Corrected:
    """Somebody new in this world, with 12 dollars given back."""
    tenant_id = f"corrected-{uuid4().hex[:8]}"
    tenant, invoice_id = world.tenant(tenant_id), f"inv-{tenant_id}"
    number, ticket_id = f"INV-2026-10-{tenant_id}", f"T-{tenant_id}"
    books = Company(world.engine)
    opening = Opening(ticket=ticket(ticket_id, tenant_id=tenant_id))
    books.cases.register(opened(opening, tenant=tenant, invoice_id=invoice_id, invoice_number=number), opening)
    request = credit_request("12.00", ticket_id=ticket_id, tenant_id=tenant_id, invoice_id=invoice_id, lines=())
    op_key = books.credits.propose(request, (), books.recently_credited(tenant_id), STANDARD).request.op_key
    books.send(op_key)
    receipt = books.credits.book(op_key, ProviderAnswer(provider_id=f"cn_{op_key}"))
    return Corrected(tenant_id, number, receipt.credit_note_number or "", receipt.corrected_invoice_number or "")
