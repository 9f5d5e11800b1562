"""The issued invoices of the closed months: roll-ups rated at the contract's prices, and one mistake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, func, select

from adapters.postgres.invoices import write_invoice
from adapters.postgres.tables import usage_daily
from billing.contracts import Contract
from billing.invoices import Invoice, InvoiceLine, InvoiceStatus
from billing.prices import MeterPrice
from billing.rating import rate
from billing.tenants import Tenant
from sandbox.sample_data.catalogue import METERS, contract_of, list_price
from sandbox.sample_data.defects import PERIOD, RATED_AS
from sandbox.sample_data.month_end import BILLED_BEFORE
from sandbox.sample_data.roster import ROSTER

CLOSED_MONTHS = ("2026-08", "2026-09", "2026-10")

ISSUED_AFTER = timedelta(hours=9)

# Whose October is not paid yet; everything else is.
OPEN_IN_OCTOBER = frozenset(
    {
        "quillmere", "tarnwick", "ostrafell", "suryakosh", "ravelstone", "velliano", "aonami", "montclavier", "northfen",
        "polderzicht",
    }
)  # fmt: skip


def issue_invoices(connection: Connection) -> None:
    """Write the invoice of every tenant and closed month, numbered in the order of the roster. Of October only what the
    system before had issued: the others are left to the month end."""
    usage = _monthly_usage(connection)
    for month in CLOSED_MONTHS:
        for number, tenant in enumerate(invoiced_in(month), start=1):
            lines = tuple(_lines(tenant, month, usage[tenant.tenant_id, month]))
            write_invoice(connection, _issued(tenant, month, number, lines))


def invoiced_in(month: str) -> tuple[Tenant, ...]:
    """Whose invoice of a month is in the sample data, in the order of their numbers."""
    return tuple(tenant for tenant in ROSTER if month != PERIOD or tenant.tenant_id in BILLED_BEFORE)


def invoice_id(tenant_id: str, month: str) -> str:
    """The id of a sample invoice of a month such as 2026-10; its document number is another one."""
    return f"inv-{month}-{tenant_id}"


def _monthly_usage(connection: Connection) -> dict[tuple[str, str], dict[str, Decimal]]:
    """The roll-ups' quantity by meter for each tenant and month."""
    month = func.to_char(usage_daily.c.day, "YYYY-MM").label("month")
    summed = select(usage_daily.c.tenant_id, usage_daily.c.meter, month, func.sum(usage_daily.c.quantity)).group_by(
        usage_daily.c.tenant_id, usage_daily.c.meter, month
    )
    usage: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for tenant_id, meter, of_month, quantity in connection.execute(summed):
        usage[tenant_id, of_month][meter] = quantity
    return usage


def _issued(tenant: Tenant, month: str, number: int, lines: tuple[InvoiceLine, ...]) -> Invoice:
    total = sum(line.amount_minor for line in lines)
    unpaid = total > 0 and month == PERIOD and tenant.tenant_id in OPEN_IN_OCTOBER
    return Invoice(
        invoice_id=invoice_id(tenant.tenant_id, month),
        number=f"INV-{month}-{number:04}",
        tenant_id=tenant.tenant_id,
        period=month,
        status=InvoiceStatus.OPEN if unpaid else InvoiceStatus.PAID,
        currency=tenant.currency,
        lines=lines,
        total_minor=total,
        issued_at=tenant.service_period(month).end + ISSUED_AFTER,
    )


def _lines(tenant: Tenant, month: str, usage: dict[str, Decimal]) -> Iterable[InvoiceLine]:
    contract = contract_of(tenant)
    named = f"{date.fromisoformat(f'{month}-01'):%B %Y}"
    for fee in contract.terms.fees:
        yield InvoiceLine(
            number=1, description=f"{fee.name}, {named}", quantity=Decimal(1), amount_minor=fee.amount_minor
        )
    for position, meter in enumerate((meter for meter in METERS if meter in usage), start=2):
        price = _applied_price(tenant, contract, month, meter)
        yield InvoiceLine(
            number=position,
            description=f"{METERS[meter].label}, {named}",
            meter=meter,
            quantity=usage[meter],
            amount_minor=rate(price, usage[meter]),
            applied_price=price,
        )


def _applied_price(tenant: Tenant, contract: Contract, month: str, meter: str) -> MeterPrice:
    """The contract's price, except where the invoice was rated with another tier's list by mistake."""
    mistaken = RATED_AS.get((tenant.tenant_id, month, meter))
    if mistaken:
        return list_price(mistaken, meter, tenant.currency)
    agreed = contract.price_of(meter)
    if agreed is None:
        raise ValueError(f"{tenant.tenant_id} uses {meter}, which its contract {contract.contract_id} does not price")
    return agreed
