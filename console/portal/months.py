"""One billing month of a tenant as the pages need it: each meter's days beside what the invoice says about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from adapters.postgres.books import Books
from adapters.postgres.usage_view import DayUsage, Meter
from billing.invoices import Invoice, InvoiceLine
from billing.periods import Span, local_day, local_midnight, service_span
from billing.tenants import Tenant


@dataclass(frozen=True)
class MeteredMonth:
    """One meter's month: its days from the roll-up, their sum, and the invoice's line, None where it has none."""

    meter: Meter
    days: tuple[DayUsage, ...]
    line: InvoiceLine | None

    @property
    def total(self) -> Decimal:
        """In the meter's unit; zero without a day."""
        return sum((day.quantity for day in self.days), Decimal(0))

    @property
    def difference(self) -> Decimal | None:
        """What the invoice counts beyond the days; None without a line."""
        return self.line.quantity - self.total if self.line else None


@dataclass(frozen=True)
class BillingMonthView:
    """A month with its newest issued invoice, None until there is one."""

    month: str
    invoice: Invoice | None
    meters: tuple[MeteredMonth, ...]

    def of(self, meter: str) -> MeteredMonth | None:
        """The meter's month; None when it has neither usage nor a line."""
        return next((one for one in self.meters if one.meter.meter == meter), None)

    @property
    def billed(self) -> tuple[MeteredMonth, ...]:
        """The meters that the invoice has a line for: what can be contested."""
        return tuple(one for one in self.meters if one.line)


def read_month(books: Books, tenant: Tenant, month: str) -> BillingMonthView:
    """The month's meters: those with usage and those with a line."""
    known = books.usage.meters()
    invoice = books.invoices.latest(tenant.tenant_id, month)
    days: dict[str, list[DayUsage]] = {}
    for day in books.usage.daily(tenant.tenant_id, month):
        days.setdefault(day.meter, []).append(day)
    lines = {line.meter: line for line in invoice.lines if line.meter} if invoice else {}
    meters = tuple(
        MeteredMonth(
            meter=known.get(name) or Meter(meter=name, unit="unit", description=name),
            days=tuple(days.get(name, ())),
            line=lines.get(name),
        )
        for name in sorted(days.keys() | lines.keys())
    )
    return BillingMonthView(month, invoice, meters)


def days_of(month: str, zone: str) -> list[date]:
    """Every local day of a month."""
    span = service_span(month, zone)
    first, after = local_day(span.start, zone), local_day(span.end, zone)
    return [first + timedelta(days=number) for number in range((after - first).days)]


def hours_of(day: date, zone: str) -> list[Span]:
    """The hours of a local day, 23 to 25 of them; the last is shorter where a clock is set by half an hour."""
    start, end = local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone)
    hours = []
    while start < end:
        until = min(start + timedelta(hours=1), end)
        hours.append(Span(start=start, end=until))
        start = until
    return hours
