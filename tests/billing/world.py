"""The standard world of the rules' tests: one tenant, one contract, one invoice; a test names only what differs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from billing.contracts import Contract, Terms
from billing.disputes import Category, Requester, Ticket
from billing.evidence import RowSet, UsageFacts
from billing.invoices import Invoice, InvoiceLine, InvoiceStatus
from billing.money import Money
from billing.periods import Span
from billing.prices import MeterPrice, PriceTier
from billing.rating import rate
from billing.tenants import Tenant, Tier

METER = "api_calls"
OCTOBER = Span(start=datetime(2026, 10, 1, tzinfo=UTC), end=datetime(2026, 11, 1, tzinfo=UTC))
NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
SOME_ROWS = RowSet(count=12, sha256="0" * 64)


def usd(major: str) -> Money:
    return Money.of(major, "USD")


def tier(up_to: str | None, unit_amount: str, flat_minor: int = 0) -> PriceTier:
    bound = None if up_to is None else Decimal(up_to)
    return PriceTier(up_to=bound, unit_amount=Decimal(unit_amount), flat_minor=flat_minor)


def price(*tiers: PriceTier, included: str = "0", meter: str = METER) -> MeterPrice:
    """A graduated price; without tiers one cent a unit."""
    return MeterPrice(meter=meter, included=Decimal(included), tiers=tiers or (tier(None, "1"),))


def contract(*prices: MeterPrice, currency: str = "USD") -> Contract:
    agreed = Terms(currency=currency, prices=prices or (price(),))
    return Contract(contract_id="K-1", tenant_id="acme", starts=OCTOBER.start, terms=agreed)


def usage_line(applied: MeterPrice, quantity: str, number: int = 1, amount_minor: int | None = None) -> InvoiceLine:
    """A usage line rated with `applied`, unless another amount was billed."""
    billed = rate(applied, Decimal(quantity)) if amount_minor is None else amount_minor
    return InvoiceLine(
        number=number,
        description=applied.meter,
        meter=applied.meter,
        quantity=Decimal(quantity),
        amount_minor=billed,
        applied_price=applied,
    )


def fee_line(amount_minor: int, number: int = 9) -> InvoiceLine:
    return InvoiceLine(number=number, description="fee", quantity=Decimal(1), amount_minor=amount_minor)


def invoice(*lines: InvoiceLine, currency: str = "USD") -> Invoice:
    return Invoice(
        invoice_id="inv-1",
        number="INV-2026-10-0001",
        tenant_id="acme",
        period="2026-10",
        status=InvoiceStatus.OPEN,
        currency=currency,
        lines=lines,
        total_minor=sum(line.amount_minor for line in lines),
        issued_at=OCTOBER.end,
    )


def facts(**collected: Sequence[Any] | Any) -> UsageFacts:
    return UsageFacts.model_validate({"currency": "USD", "period": OCTOBER, **collected})


def tenant(**differences: Any) -> Tenant:
    ordinary = {
        "tenant_id": "acme",
        "name": "Acme",
        "tier": Tier.PRO,
        "currency": "USD",
        "zone": "Europe/Berlin",
        "country": "DE",
        "billing_email": "billing@acme.example",
    }
    return Tenant.model_validate(ordinary | differences)


def ticket(**differences: Any) -> Ticket:
    ordinary = {
        "ticket_id": "T-4711",
        "tenant_id": "acme",
        "period": "2026-10",
        "meters": (METER,),
        "category": Category.USAGE_CALCULATION,
        "claimed_amount": "100.00",
        "billed_amount": "120.00",
        "currency": "USD",
        "requester": Requester(email="billing@acme.example"),
        "opened_at": NOW,
    }
    return Ticket.model_validate(ordinary | differences)
