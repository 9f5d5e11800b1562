"""What the books hold beside an invoice, read for its explanation: agreements, counted days, earlier bills, raw events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, text

from adapters.postgres.billing_runs.calendar import calendar_of
from adapters.postgres.billing_runs.irregular import read_billed_in_advance
from adapters.postgres.usage_view import UsageEvent
from billing.contracts import Contract
from billing.explanations import Background, ExplainedLine, Explanation, UsageDay, explain
from billing.invoices import Invoice, InvoiceLine, LineKind
from billing.month_end import Shard
from billing.periods import DaySpan, local_midnight, month_after, service_days
from billing.segments import segments
from billing.tenants import Tenant

EVENTS_MAX = 1_000

# The roll-ups less what came after the closing, which another invoice bills.
_DAYS = text("""
    with counted as (
        select meter, day, quantity, events from usage_daily
        where tenant_id = :tenant and meter = any(:meters) and day >= :first and day < :end
        union all
        select meter, cast(event_time at time zone :zone as date), -quantity, -1 from late_usage
        where tenant_id = :tenant and meter = any(:meters) and period = :period
    )
    select meter, day, sum(quantity) as quantity, sum(events) as events from counted
    group by meter, day having sum(quantity) <> 0 or sum(events) <> 0
    order by meter, day
""")

# Late lines carry the days of the line that they add to.
_BILLED_BEFORE = text("""
    select line.meter, line.service_start, sum(line.quantity) as quantity
    from invoices as invoice join invoice_lines as line using (invoice_id)
    where invoice.period = any(:periods) and invoice.tenant_id = :tenant and invoice.kind = 'usage'
        and invoice.status not in ('draft', 'void') and line.kind in ('usage', 'late_usage')
        and line.meter = any(:meters) and line.service_start = any(:starts)
        and not exists (select from invoices as later where later.corrects = invoice.invoice_id)
    group by line.meter, line.service_start
""")

# For each stretch of days one range of the index that begins with tenant and meter. Late events are found by the invoice
# that bills them: the first document of a chain of revisions.
_EVENTS = text("""
    with recursive chain(invoice_id, corrects) as (
        select invoice_id, corrects from invoices where invoice_id = :invoice_id
        union all
        select earlier.invoice_id, earlier.corrects from invoices as earlier join chain on earlier.invoice_id = chain.corrects
    )
    select asked.line, event.*
    from unnest(cast(:lines as int[]), cast(:meters as text[]), cast(:starts as timestamptz[]),
        cast(:ends as timestamptz[]), cast(:late as boolean[])) as asked(line, meter, starts, ends, late)
    cross join lateral (
        (
            select event_id, event_time, route, model, quantity, trace_id from usage_events as event
            where not asked.late and tenant_id = :tenant and meter = asked.meter
                and event_time >= asked.starts and event_time < asked.ends
                and not exists (
                    select from late_usage as other
                    where other.event_time = event.event_time and other.event_id = event.event_id
                )
            order by event_time, event_id limit :most
        )
        union all
        (
            select event.event_id, event.event_time, route, model, event.quantity, trace_id
            from late_usage as bill join usage_events as event using (event_time, event_id)
            where asked.late and bill.billed_on in (select invoice_id from chain) and bill.meter = asked.meter
                and bill.event_time >= asked.starts and bill.event_time < asked.ends
            order by event.event_time, event.event_id limit :most
        )
    ) as event
    order by asked.line, event.event_time, event.event_id
""")


class EventsBehind(BaseModel):
    """The first raw events behind the line with this number, by time; `more` when there are others."""

    model_config = ConfigDict(frozen=True)

    line: int
    events: tuple[UsageEvent, ...]
    more: bool


class ExplainedInvoice(Explanation):
    """An explanation with the number of its document and, where they were asked for, raw events."""

    number: str
    events: tuple[EventsBehind, ...] = ()


def explain_invoice(
    connection: Connection, invoice: Invoice, tenant: Tenant, contracts: Sequence[Contract], *, rows: int = 0
) -> ExplainedInvoice:
    """Explain the invoice from the books as they stand; `rows` raw events, up to EVENTS_MAX, behind each usage line."""
    explanation = explain(invoice, _background(connection, invoice, tenant, contracts))
    events = tuple(_events(connection, invoice, tenant, explanation, rows)) if rows else ()
    told = {name: getattr(explanation, name) for name in Explanation.model_fields}
    return ExplainedInvoice(**told, number=invoice.number, events=events)


def _background(connection: Connection, invoice: Invoice, tenant: Tenant, contracts: Sequence[Contract]) -> Background:
    days = _service_days(invoice, tenant)
    alone = Shard(first=tenant.tenant_id, last=tenant.tenant_id)
    in_advance = read_billed_in_advance(connection, alone, calendar_of(invoice.period))
    return Background(
        covered=segments(contracts, days, tenant.zone),
        usage=_days(connection, invoice, tenant, days),
        advance_billed=in_advance.get(tenant.tenant_id, {}),
        billed_before=_billed_before(connection, invoice),
    )


def _service_days(invoice: Invoice, tenant: Tenant) -> DaySpan:
    if invoice.service_start and invoice.service_end:
        return DaySpan(invoice.service_start, invoice.service_end)
    return service_days(invoice.period, tenant.anchor_day)


def _days(connection: Connection, invoice: Invoice, tenant: Tenant, days: DaySpan) -> tuple[UsageDay, ...]:
    asked = {
        "tenant": tenant.tenant_id,
        "zone": tenant.zone,
        "period": invoice.period,
        "first": days.first,
        "end": days.end,
        "meters": sorted({line.meter for line in invoice.lines if line.meter}),
    }
    return tuple(UsageDay.model_validate(dict(row)) for row in connection.execute(_DAYS, asked).mappings())


def _billed_before(connection: Connection, invoice: Invoice) -> dict[tuple[str, date], Decimal]:
    """What earlier invoices billed of the meters and days whose late usage this one bills."""
    late = [line for line in invoice.lines if line.kind is LineKind.LATE_USAGE and line.service_start]
    starts = [line.service_start for line in late if line.service_start]
    if not starts:
        return {}
    asked = {
        "tenant": invoice.tenant_id,
        "meters": sorted({line.meter for line in late if line.meter}),
        "starts": starts,
        "periods": list(_months(f"{min(starts):%Y-%m}", invoice.period)),
    }
    return {(row.meter, row.service_start): row.quantity for row in connection.execute(_BILLED_BEFORE, asked)}


def _months(first: str, end: str) -> Iterator[str]:
    """Every billing month from `first` up to, and without, `end`."""
    while first < end:
        yield first
        first = month_after(first)


def _events(
    connection: Connection, invoice: Invoice, tenant: Tenant, explanation: Explanation, rows: int
) -> Iterator[EventsBehind]:
    """One statement for all lines, along each line's stretches of days."""
    stretches = [
        (line, span)
        for line, explained in zip(invoice.lines, explanation.lines, strict=True)
        for span in _stretches(line, explained)
    ]
    asked = {
        "tenant": tenant.tenant_id,
        "invoice_id": invoice.invoice_id,
        "lines": [line.number for line, _ in stretches],
        "meters": [line.meter for line, _ in stretches],
        "starts": [local_midnight(span.first, tenant.zone) for _, span in stretches],
        "ends": [local_midnight(span.end, tenant.zone) for _, span in stretches],
        "late": [line.kind is LineKind.LATE_USAGE for line, _ in stretches],
        "most": rows + 1,
    }
    found: defaultdict[int, list[UsageEvent]] = defaultdict(list)
    for row in connection.execute(_EVENTS, asked).mappings():
        found[row["line"]].append(UsageEvent.model_validate({name: row[name] for name in UsageEvent.model_fields}))
    for number, events in found.items():
        yield EventsBehind(line=number, events=tuple(events[:rows]), more=len(events) > rows)


def _stretches(line: InvoiceLine, explained: ExplainedLine) -> Iterator[DaySpan]:
    """The days that follow on one another behind a usage line; for late usage the days it names."""
    if line.kind is LineKind.LATE_USAGE and line.service_start and line.service_end:
        yield DaySpan(line.service_start, line.service_end)
    first = after = None
    for one in explained.usage:
        if one.day != after:
            if first and after:
                yield DaySpan(first, after)
            first = one.day
        after = one.day + timedelta(days=1)
    if first and after:
        yield DaySpan(first, after)
