"""A credit to give back, the invoice it is on and the tenant it goes to."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from billing.corrections import CreditRequest, Destination
from billing.disputes import Category, Resolution
from billing.effects import Effect, EffectKind, EffectState
from billing.invoice_corrections import Deed, StatusChange
from billing.invoices import Invoice, InvoiceLine, InvoiceStatus
from billing.money import Money
from billing.policy.credits import Payback
from billing.tenants import Tenant, Tier

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def a_tenant(customer: str | None = "cus_1", currency: str = "USD") -> Tenant:
    return Tenant(
        tenant_id="acme",
        name="Acme",
        tier=Tier.PRO,
        currency=currency,
        zone="UTC",
        country="US",
        billing_email="billing@acme.example",
        provider_customer_id=customer,
    )


def an_invoice(at_provider: str | None = "in_1", total: int = 100_00, currency: str = "USD") -> Invoice:
    return Invoice(
        invoice_id="inv-1",
        number="INV-2026-000123",
        tenant_id="acme",
        period="2026-10",
        status=InvoiceStatus.OPEN,
        currency=currency,
        lines=(InvoiceLine(number=1, description="API calls", quantity=Decimal(1), amount_minor=total),),
        total_minor=total,
        issued_at=NOW,
        provider_invoice_id=at_provider,
    )


def a_request(
    minor: int = 25_00,
    destination: Destination = Destination.NEXT_INVOICE,
    *,
    ticket: str = "T-4711",
    currency: str = "USD",
    category: Category = Category.USAGE_CALCULATION,
    reason: str = "Usage dispute resolution - 1,204 calls were counted twice",
    payback: Payback = Payback.BALANCE,
) -> CreditRequest:
    return CreditRequest(
        op_key=f"dispute/{ticket}/credit/r1.1",
        case_id=f"dispute/{ticket}",
        ticket_id=ticket,
        step="r1.1",
        tenant_id="acme",
        period="2026-10",
        invoice_id="inv-1",
        amount=Money(minor=minor, currency=currency),
        destination=destination,
        category=category,
        resolution=Resolution.CUSTOMER_CORRECT,
        reason=reason,
        requested_by="runbook",
        payback=payback,
    )


def a_change(deed: Deed, minor: int = 100_00) -> StatusChange:
    case = "correction/INV-2026-000123/k-0a1b2c3d"
    return StatusChange(
        op_key=f"{case}/{deed}/1",
        case_id=case,
        invoice_id="inv-1",
        number="INV-2026-000123",
        tenant_id="acme",
        period="2026-10",
        deed=deed,
        amount=Money(minor=minor, currency="USD"),
        reason="made out to the wrong company",
        requested_by="finance-1@ops.example",
    )


def a_changing_effect(change: StatusChange) -> Effect:
    return Effect(
        op_key=change.op_key,
        kind=EffectKind.INVOICE_CORRECTION,
        case_id=change.case_id,
        tenant_id=change.tenant_id,
        state=EffectState.INTENDED,
        request=change.model_dump(mode="json"),
        request_sha256=change.sha256(),
        intended_at=NOW,
    )


def an_effect(request: CreditRequest) -> Effect:
    return Effect(
        op_key=request.op_key,
        kind=EffectKind.CREDIT,
        case_id=request.case_id,
        tenant_id=request.tenant_id,
        state=EffectState.INTENDED,
        request=request.model_dump(mode="json"),
        request_sha256=request.sha256(),
        intended_at=NOW,
    )
