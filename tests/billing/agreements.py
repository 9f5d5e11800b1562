"""Terms, contracts and bills in few words, for the tests of invoicing; a test names only what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing.contracts import Contract, FixedDiscount, Pause, PercentDiscount, RecurringFee, Tax, Terms, Timing
from billing.invoices import Invoice, InvoiceLine, InvoiceStatus, LineKind
from billing.invoicing import Bill, bill
from billing.late_usage import LateUsage, TruedUp
from billing.periods import DaySpan, month_after, service_days
from billing.rate_cards import MICRO, plain
from billing.segments import Segment, segments
from tests.billing.world import METER

BERLIN = "Europe/Berlin"


def fee(minor: int, name: str = "Platform", *, advance: bool = False) -> RecurringFee:
    return RecurringFee(name=name, amount_minor=minor, timing=Timing.ADVANCE if advance else Timing.ARREARS)


def terms(*fees: RecurringFee, currency: str = "USD", **more: Any) -> Terms:
    return Terms(currency=currency, fees=fees, **more)


def percent_off(percent: str, *meters: str, name: str = "Discount") -> PercentDiscount:
    return PercentDiscount(name=name, percent=Decimal(percent), meters=meters)


def credit_of(minor: int, name: str = "Credit") -> FixedDiscount:
    return FixedDiscount(name=name, amount_minor=minor)


def tax(rate: str, name: str = "VAT") -> Tax:
    return Tax(name=name, rate=Decimal(rate))


def held(
    agreed: Terms,
    starts: str = "2020-01-01",
    ends: str | None = None,
    *pauses: tuple[str, str | None],
    zone: str = BERLIN,
    contract_id: str = "K-1",
) -> Contract:
    """A contract from local midnight (or the local moment given) to another; pauses by their days."""
    return Contract(
        contract_id=contract_id,
        tenant_id="acme",
        starts=local(starts, zone),
        ends=local(ends, zone) if ends else None,
        terms=agreed,
        pauses=tuple(Pause(first=date.fromisoformat(a), end=b and date.fromisoformat(b)) for a, b in pauses),
    )


def local(moment: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))


def billed(
    contracts: Contract | Sequence[Contract],
    month: str = "2026-11",
    *,
    anchor_day: int = 1,
    used: Mapping[str, int] | Sequence[Mapping[str, int]] = (),
    advance_billed: Mapping[str, int] | None = None,
    late: Sequence[LateUsage] = (),
    trued_up: Sequence[TruedUp] = (),
) -> Bill:
    """The bill of a Berlin tenant's month, next month's fees in advance included; usage in whole units a segment."""
    agreed = [contracts] if isinstance(contracts, Contract) else contracts
    days, following = service_days(month, anchor_day), service_days(month_after(month), anchor_day)
    covered = segments(agreed, days, BERLIN)
    usage = [used] if isinstance(used, Mapping) else list(used) or [{}] * len(covered)
    return bill(
        covered,
        days,
        [{meter: units * MICRO for meter, units in one.items()} for one in usage],
        following=segments(agreed, following, BERLIN),
        following_days=following,
        advance_billed=advance_billed,
        late=late,
        trued_up=trued_up,
    )


def stretches(contracts: Sequence[Contract], month: str = "2026-11", anchor_day: int = 1) -> list[tuple[str, str, int]]:
    """The segments of a month as first day, last day and active days."""
    found = segments(contracts, service_days(month, anchor_day), BERLIN)
    return [(one.days.first.isoformat(), one.days.last.isoformat(), one.active_days) for one in found]


def amounts(made: Bill) -> list[tuple[LineKind, int]]:
    return [(line.kind, line.amount_minor) for line in made.lines]


def late_usage(units: int, billed_units: int, price: Any, meter: str = METER, **more: Any) -> LateUsage:
    return LateUsage(
        period="2026-10",
        meter=meter,
        quantity=units * MICRO,
        billed_quantity=billed_units * MICRO,
        price=price,
        days=DaySpan(date(2026, 10, 1), date(2026, 11, 1)),
        **more,
    )


def whole(agreed: Terms, month: str = "2026-11") -> Segment:
    """One segment over a whole month."""
    days = service_days(month)
    return Segment(days=days, active_days=days.days, terms=agreed)


def issued(made: Bill) -> Invoice:
    """The bill of November as an issued invoice."""
    lines = tuple(
        InvoiceLine(
            number=number,
            description=line.description,
            meter=line.meter,
            quantity=plain(line.quantity),
            amount_minor=line.amount_minor,
            applied_price=line.price,
            kind=line.kind,
            service_start=line.days and line.days.first,
            service_end=line.days and line.days.end,
            active_days=line.active_days,
            period_days=line.period_days,
            rate=line.rate,
        )
        for number, line in enumerate(made.lines, 1)
    )
    return Invoice(
        invoice_id="inv-2026-11-acme",
        number="INV-2026-000001",
        tenant_id="acme",
        period="2026-11",
        status=InvoiceStatus.OPEN,
        currency=made.currency,
        lines=lines,
        total_minor=made.total_minor,
        issued_at=local("2026-12-01T06:00"),
        service_start=date(2026, 11, 1),
        service_end=date(2026, 12, 1),
    )
