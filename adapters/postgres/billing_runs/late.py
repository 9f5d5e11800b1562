"""Usage that arrived after its own period was closed, with what the documents so far have billed of that period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from adapters.postgres.billing_runs.calendar import Calendar, calendar_of
from adapters.postgres.billing_runs.irregular import read_contracts
from adapters.postgres.billing_runs.reading import Account
from adapters.postgres.billing_runs.terms import TermsShelf
from billing.invoices import LineKind
from billing.late_usage import BilledPart, LateUsage, TruedUp, rated_where_it_belongs
from billing.month_end import Shard
from billing.periods import DaySpan, service_days
from billing.prices import MeterPrice
from billing.segments import segments

# A month that is still to be billed: late usage is a difference to its document, so it waits for that. A void document is
# none; a month that had nothing to bill needs none.
WAITS = """
    not exists (
        select from invoices as document
        where document.period = asked.period and document.tenant_id = asked.tenant_id and document.kind = 'usage'
            and document.status not in ('draft', 'void')
    ) and (
        exists (
            select from invoices as document
            where document.period = asked.period and document.tenant_id = asked.tenant_id and document.kind = 'usage'
                and document.status = 'void'
        ) or (
            select entry.outcome from run_entries as entry join billing_runs as run using (run_id)
            where run.period = asked.period and not run.dry_run and entry.tenant_id = asked.tenant_id
            order by run.sequence desc limit 1
        ) <> 'nothing_to_bill'
    )
"""

# What a document of this very period has billed counts as well, so that a dry run repeats what was issued. Looked for by
# itself first: nearly always there is nothing, and then no tenant is read.
_LATE = text(f"""
    with late as materialized (
        select tenant_id, period, meter, event_time, quantity from late_usage
        where tenant_id between :first and :last and period < :period and (billed_on is null or billed_on in (
            select invoice_id from invoices where period = :period and tenant_id between :first and :last
        ))
    ), waiting as (
        select tenant_id, period from (select distinct tenant_id, period from late) as asked where {WAITS}
    )
    select tenant_id, period, meter, cast(event_time at time zone tenant.zone as date) as day,
        cast(sum(quantity) as text) as quantity
    from late join tenants as tenant using (tenant_id)
    where tenant_id between :first and :last and (tenant_id, period) not in (select tenant_id, period from waiting)
    group by tenant_id, period, meter, day
    order by tenant_id, period, meter, day
""")  # noqa: S608 - words of ours

# In the snapshot that the bills were made from: what arrives meanwhile is left for the next bill.
_MARK = text("""
    update late_usage set billed_on = made.invoice_id
    from unnest(cast(:tenants as text[]), cast(:periods as text[]), cast(:ids as text[]))
        as made(tenant_id, period, invoice_id)
    where late_usage.tenant_id = made.tenant_id and late_usage.period = made.period and billed_on is null
""")

# A period's usage and its true-up, and what later documents have added to the one and taken off the other: those lines carry
# days of the period they are about.
_BILLED = text("""
    select invoice.tenant_id, invoice.currency, line.kind, line.meter, cast(line.quantity as text) as quantity,
        line.amount_minor, line.service_start, line.service_end, line.active_days, line.period_days, price.price,
        case when line.kind = 'usage' then invoice.period
            else coalesce(service_month(line.service_start, tenant.anchor_day), invoice.period) end as period
    from invoices as invoice
    join tenants as tenant on tenant.tenant_id = invoice.tenant_id and tenant.tenant_id = any(:tenants)
    join invoice_lines as line on line.invoice_id = invoice.invoice_id
    left join prices as price on price.price_id = line.price_id
    where invoice.tenant_id = any(:tenants) and invoice.period >= :oldest and invoice.period < :period
        and invoice.kind = 'usage' and line.kind in ('usage', 'late_usage', 'minimum')
        and invoice.status not in ('draft', 'void')
        and not exists (select from invoices as later where later.corrects = invoice.invoice_id)
    order by invoice.tenant_id, invoice.period, line.number
""")


class Late(NamedTuple):
    """A tenant's late usage, and what is left of the true-ups of the periods that it belongs to."""

    usage: tuple[LateUsage, ...]
    trued_up: tuple[TruedUp, ...]


NOTHING_LATE = Late((), ())


def read_late_usage(
    connection: Connection, shard: Shard, accounts: Mapping[str, Account], calendar: Calendar, shelf: TermsShelf
) -> dict[str, Late]:
    """Late usage of earlier periods by tenant, with what those periods were billed; nearly always nothing."""
    arrived = _arrived(connection.execute(_LATE, shard.model_dump() | {"period": calendar.period}), accounts)
    if not arrived:
        return {}
    tenants = sorted({tenant_id for tenant_id, _ in arrived})
    oldest = min(period for _, period in arrived)
    billed_lines = _billed_lines(connection, tenants, oldest, calendar.period)
    since = DaySpan(calendar_of(oldest).outer.first, calendar.outer.end)
    contracts, _ = read_contracts(connection, tenants, since, shelf)
    usage: defaultdict[str, list[LateUsage]] = defaultdict(list)
    trued_up: defaultdict[str, list[TruedUp]] = defaultdict(list)
    for (tenant_id, period), by_day in arrived.items():
        account = accounts[tenant_id]
        days = service_days(period, account.anchor_day)
        lines = billed_lines.get((tenant_id, period), ())
        covered = segments(contracts.get(tenant_id, ()), days, account.zone)
        usage[tenant_id] += rated_where_it_belongs(period, days, by_day, covered, _parts(lines, days))
        if (left := sum(line.amount_minor for line in lines if line.kind == LineKind.MINIMUM)) > 0:
            trued_up[tenant_id].append(TruedUp(period, days, left))
    return {tenant_id: Late(tuple(usage[tenant_id]), tuple(trued_up[tenant_id])) for tenant_id in tenants}


def mark_billed(connection: Connection, documents: Mapping[str, str], late: Mapping[str, Late]) -> None:
    """Late usage is on these documents, given by tenant, and on no later one."""
    billed = [
        (tenant_id, of_period, documents[tenant_id])
        for tenant_id in sorted(late.keys() & documents.keys())
        for of_period in sorted({item.period for item in late[tenant_id].usage})
    ]
    if billed:
        tenants, periods, ids = zip(*billed, strict=True)
        connection.execute(_MARK, {"tenants": list(tenants), "periods": list(periods), "ids": list(ids)})


def _arrived(
    rows: Iterable[Row[Any]], accounts: Mapping[str, Account]
) -> dict[tuple[str, str], dict[tuple[str, date], int]]:
    """Millionths of a unit by meter and local day, for each tenant that is billed and each period."""
    arrived: defaultdict[tuple[str, str], dict[tuple[str, date], int]] = defaultdict(dict)
    for row in rows:
        if row.tenant_id in accounts:
            arrived[row.tenant_id, row.period][row.meter, row.day] = _micro(row.quantity)
    return arrived


def _billed_lines(
    connection: Connection, tenants: Sequence[str], oldest: str, period: str
) -> dict[tuple[str, str], list[Row[Any]]]:
    """By tenant and the period that a line is about, whichever document it is on."""
    lines: defaultdict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for line in connection.execute(_BILLED, {"tenants": tenants, "oldest": oldest, "period": period}):
        lines[line.tenant_id, line.period].append(line)
    return lines


def _parts(lines: Iterable[Row[Any]], days: DaySpan) -> list[BilledPart]:
    """The lines of a period's usage; one that says no days is for the whole period."""
    return [
        BilledPart(
            meter=line.meter,
            price=MeterPrice.model_validate(line.price),
            quantity=_micro(line.quantity),
            days=DaySpan(line.service_start, line.service_end) if line.service_start else days,
            active_days=line.active_days if line.active_days is not None else 1,
            period_days=line.period_days or 1,
            currency=line.currency,
        )
        for line in lines
        if line.price
    ]


def _micro(quantity: str) -> int:
    return int(quantity.replace(".", ""))
