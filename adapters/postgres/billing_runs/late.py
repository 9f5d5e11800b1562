"""Usage that arrived after its own period was closed: what it adds to the line that billed that period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from adapters.postgres.billing_runs.calendar import Calendar
from adapters.postgres.billing_runs.irregular import read_contracts
from adapters.postgres.billing_runs.reading import Account
from adapters.postgres.billing_runs.terms import TermsShelf
from billing.contracts import Contract
from billing.invoicing import LateUsage, segments
from billing.month_end import Shard
from billing.periods import DaySpan, service_days
from billing.prices import MeterPrice

# What this period's document has billed already counts as well, so that a dry run repeats what was issued.
_LATE = text("""
    select tenant_id, period, meter, cast(sum(quantity) as text) as quantity from late_usage
    where tenant_id between :first and :last and period < :period
        and (billed_on is null or billed_on = 'inv-' || :period || '-' || tenant_id)
    group by tenant_id, period, meter
    order by tenant_id, period, meter
""")

# A period's usage lines, and late ones that later documents have added to it: those carry the days of their own period.
_BILLED = text("""
    select invoice.tenant_id, invoice.period, line.meter, cast(line.quantity as text) as quantity,
        line.service_start, line.active_days, line.period_days, price.price
    from invoices as invoice
    join invoice_lines as line on line.invoice_id = invoice.invoice_id
    left join prices as price on price.price_id = line.price_id
    where invoice.tenant_id = any(:tenants) and invoice.period >= :oldest and invoice.period < :period
        and invoice.kind = 'usage' and line.kind in ('usage', 'late_usage') and line.meter is not null
        and invoice.status not in ('draft', 'void')
        and not exists (select from invoices as later where later.corrects = invoice.invoice_id)
    order by invoice.tenant_id, invoice.period, line.number
""")


class _Billed(NamedTuple):
    """What the documents so far have billed of a tenant's meter and period, and at which price."""

    quantity: int
    price: MeterPrice | None
    active_days: int
    period_days: int


def read_late_usage(
    connection: Connection, shard: Shard, accounts: Mapping[str, Account], calendar: Calendar, shelf: TermsShelf
) -> dict[str, list[LateUsage]]:
    """Late usage of earlier periods by tenant, with what those periods were billed; nearly always nothing."""
    late = connection.execute(_LATE, shard.model_dump() | {"period": calendar.period}).all()
    late = [row for row in late if row.tenant_id in accounts]
    if not late:
        return {}
    tenants = sorted({row.tenant_id for row in late})
    oldest = min(row.period for row in late)
    lines = connection.execute(_BILLED, {"tenants": tenants, "oldest": oldest, "period": calendar.period}).all()
    billed = _billed(lines, accounts)
    since = DaySpan(service_days(oldest, 31).first, calendar.outer.end)
    contracts, _ = read_contracts(connection, tenants, since, shelf)
    found: defaultdict[str, list[LateUsage]] = defaultdict(list)
    for row in late:
        account = accounts[row.tenant_id]
        days = service_days(row.period, account.anchor_day)
        so_far = billed.get((row.tenant_id, row.meter, days.first)) or _unbilled(
            contracts.get(row.tenant_id, ()), row.meter, days, account.zone
        )
        found[row.tenant_id].append(
            LateUsage(
                period=row.period,
                meter=row.meter,
                quantity=_micro(row.quantity),
                billed_quantity=so_far.quantity,
                price=so_far.price,
                days=days,
                active_days=so_far.active_days,
                period_days=so_far.period_days,
            )
        )
    return found


def _billed(lines: Iterable[Row[Any]], accounts: Mapping[str, Account]) -> dict[tuple[str, str, date], _Billed]:
    """By tenant, meter and the first day of the period: quantities added up, the price of the newest usage line."""
    billed: dict[tuple[str, str, date], _Billed] = {}
    for line in lines:
        own = line.service_start or service_days(line.period, accounts[line.tenant_id].anchor_day).first
        key = (line.tenant_id, line.meter, own)
        before = billed.get(key)
        price = MeterPrice.model_validate(line.price) if line.price else before and before.price
        billed[key] = _Billed(
            quantity=_micro(line.quantity) + (before.quantity if before else 0),
            price=price,
            active_days=line.active_days or 1,
            period_days=line.period_days or 1,
        )
    return billed


def _unbilled(contracts: Sequence[Contract], meter: str, days: DaySpan, zone: str) -> _Billed:
    """Nothing was billed for the meter then: it is rated with the price that was agreed for that period, if any."""
    for segment in reversed(segments(contracts, days, zone)):
        if price := segment.terms.price_of(meter):
            return _Billed(0, price, segment.active_days, days.days)
    return _Billed(0, None, days.days, days.days)


def _micro(quantity: str) -> int:
    return int(quantity.replace(".", ""))
