"""What only some tenants of a shard need, read for just those, still set-wise.

Several contracts or pauses in a period, usage that is not rolled up or came late, late usage of earlier periods, and fees
that the previous document billed in advance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from adapters.postgres.billing_runs.calendar import Calendar
from adapters.postgres.billing_runs.reading import Usage
from adapters.postgres.billing_runs.terms import KnownTerms, TermsShelf
from billing.contracts import Contract, Pause, Terms
from billing.invoicing import UnbillableError
from billing.month_end import Shard
from billing.periods import DaySpan
from billing.segments import Segment

# Between UTC's days and those of any zone.
ONE_DAY = timedelta(days=1)

# Days that wait to be rolled up again are counted from the raw events: roll-up and mark change in one transaction, so in
# one snapshot a day without a mark is right. What came after the closing is taken off; it goes on the next bill.
_BY_DAY = text("""
    with account as (
        select tenant_id, zone, (cast(:firsts as date[]))[anchor_day] as first,
            (cast(:ends as date[]))[anchor_day] as "end"
        from tenants where tenant_id = any(:tenants)
    ), dirty as (
        select distinct tenant_id, meter, day from rollup_dirty join account using (tenant_id)
        where day >= first and day < "end"
    ), counted as (
        select daily.tenant_id, daily.meter, daily.day, daily.quantity
        from account join usage_daily as daily using (tenant_id)
        where daily.day >= account.first and daily.day < account."end" and not exists (
            select from dirty
            where dirty.tenant_id = daily.tenant_id and dirty.meter = daily.meter and dirty.day = daily.day
        )
        union all
        select dirty.tenant_id, dirty.meter, dirty.day, event.quantity
        from dirty join account using (tenant_id)
        join usage_events as event on event.tenant_id = dirty.tenant_id and event.meter = dirty.meter
            and event.event_time >= cast(dirty.day as timestamp) at time zone account.zone
            and event.event_time < cast(dirty.day + 1 as timestamp) at time zone account.zone
        union all
        select late.tenant_id, late.meter, cast(late.event_time at time zone account.zone as date), -late.quantity
        from late_usage as late join account using (tenant_id)
        where late.period = :period
    )
    select tenant_id, meter, day, cast(sum(quantity) as text) as quantity from counted group by tenant_id, meter, day
""")

_CONTRACTS = text("""
    select contract_id, tenant_id, starts, ends, terms_id, pauses from contracts
    where tenant_id = any(:tenants) and starts < :until and (ends is null or ends > :since) and terms_id is not null
    order by tenant_id, starts
""")

_IN_ADVANCE = text("""
    select invoice.tenant_id, line.description, sum(line.amount_minor) as amount_minor
    from invoices as invoice
    join invoice_lines as line on line.invoice_id = invoice.invoice_id and line.kind = 'fee_in_advance'
    where invoice.tenant_id between :first and :last and invoice.period = :previous and invoice.kind = 'usage'
        and invoice.status not in ('draft', 'void')
        and not exists (select from invoices as later where later.corrects = invoice.invoice_id)
    group by invoice.tenant_id, line.description
""")


def read_by_day(connection: Connection, tenants: Sequence[str], calendar: Calendar) -> dict[str, dict[date, Usage]]:
    """Millionths of a unit by tenant, local day and meter, complete and without what came late."""
    days: defaultdict[str, defaultdict[date, Usage]] = defaultdict(lambda: defaultdict(dict))
    if tenants:
        wanted = calendar.edges | {"tenants": list(tenants), "period": calendar.period}
        for tenant_id, meter, day, quantity in connection.execute(_BY_DAY, wanted):
            days[tenant_id][day][meter] = int(quantity.replace(".", ""))
    return {tenant_id: dict(by_day) for tenant_id, by_day in days.items()}


def read_contracts(
    connection: Connection, tenants: Sequence[str], days: DaySpan, shelf: TermsShelf
) -> tuple[dict[str, list[Contract]], dict[int, KnownTerms]]:
    """The contracts of each tenant that touch any of the days in any zone, the earliest first; and their terms by id.

    A contract without terms on record is left out: it cannot be billed.
    """
    if not tenants:
        return {}, {}
    wanted = {"tenants": list(tenants), "since": days.first - ONE_DAY, "until": days.end + ONE_DAY}
    rows = connection.execute(_CONTRACTS, wanted).all()
    terms = shelf.read(connection, {row.terms_id for row in rows})
    held: defaultdict[str, list[Contract]] = defaultdict(list)
    for row in rows:
        held[row.tenant_id].append(_contract(row, terms[row.terms_id].terms))
    return held, terms


def read_billed_in_advance(connection: Connection, shard: Shard, calendar: Calendar) -> dict[str, Usage]:
    """What the previous period's documents charged for this period's fees, in minor units by tenant and fee."""
    billed: defaultdict[str, Usage] = defaultdict(dict)
    rows = connection.execute(_IN_ADVANCE, shard.model_dump() | {"previous": calendar.previous_period})
    for tenant_id, fee, amount_minor in rows:
        billed[tenant_id][fee] = int(amount_minor)
    return billed


def by_segment(covered: Sequence[Segment], by_day: Mapping[date, Usage]) -> list[Usage]:
    """The usage of each segment. Raises UnbillableError for usage on a day that no contract covers."""
    shares: list[Usage] = [{} for _ in covered]
    for day, used in sorted(by_day.items()):
        place = next((place for place, segment in enumerate(covered) if day in segment.days), None)
        for meter, quantity in used.items():
            if place is not None:
                shares[place][meter] = shares[place].get(meter, 0) + quantity
            elif quantity:
                raise UnbillableError(
                    f"{meter} was used on {day}, which no contract covers: put one on record, then bill the tenant again"
                )
    return shares


def in_total(by_day: Mapping[date, Usage]) -> Usage:
    """The usage of all days together."""
    total: Usage = {}
    for used in by_day.values():
        for meter, quantity in used.items():
            total[meter] = total.get(meter, 0) + quantity
    return total


def _contract(row: Row[Any], terms: Terms) -> Contract:
    return Contract(
        contract_id=row.contract_id,
        tenant_id=row.tenant_id,
        starts=row.starts,
        ends=row.ends,
        terms=terms,
        pauses=tuple(Pause.model_validate(pause) for pause in row.pauses),
    )
