"""What a shard's bills are made from: its open tenants with their contracts, their usage, and what stops some of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, text

from adapters.postgres.billing_runs.calendar import Calendar
from adapters.postgres.billing_runs.planning import found_by_index
from adapters.postgres.billing_runs.register import Run
from billing.month_end import Shard

# Whoever has a document of the period, or an entry in this run, is done with: that is what makes a second call write nothing.
_NOT_DONE = """
    and not exists (
        select from run_entries as entry
        where entry.run_id = :run_id and entry.tenant_id = tenant.tenant_id and entry.tenant_id between :first and :last
    )
"""
_NOT_INVOICED = """
    and not exists (
        select from invoices as invoice
        where invoice.tenant_id = tenant.tenant_id and invoice.period = :period and invoice.kind = 'usage'
            and invoice.revision = 1 and invoice.tenant_id between :first and :last
    )
"""

# Where the periods begin and end is computed once for each zone and anchor day of the shard. A contract that holds for all
# of both periods needs no closer look; `now` and `next` count those that touch each period.
_TENANTS = """
    with period as materialized (
        select zone, anchor_day, cast((cast(:firsts as date[]))[anchor_day] as timestamp) at time zone zone as starts,
            cast((cast(:ends as date[]))[anchor_day] as timestamp) at time zone zone as ends,
            cast((cast(:next_ends as date[]))[anchor_day] as timestamp) at time zone zone as next_ends
        from (select distinct zone, anchor_day from tenants where tenant_id between :first and :last) as calendars
    )
    select tenant.tenant_id, tenant.currency, tenant.zone, tenant.anchor_day, tenant.legal_entity_id,
        tenant.address is not null as has_address, tenant.provider_customer_id is not null as has_customer,
        tenant.collection = 'send_invoice' or tenant.payment_method_id is not null as can_be_collected,
        held.now, held.terms_id, held.whole, held.next, held.next_terms_id, held.next_whole
    from (select * from {tenants} and tenant.tenant_id between :first and :last {not_done}) as tenant
    join period using (zone, anchor_day)
    cross join lateral (
        select count(*) filter (where in_period) as now, min(terms_id) filter (where in_period) as terms_id,
            bool_and(starts <= period.starts and ends >= period.ends and pauses = '[]') filter (where in_period) as whole,
            count(*) filter (where in_next) as next, min(terms_id) filter (where in_next) as next_terms_id,
            bool_and(starts <= period.ends and ends >= period.next_ends and pauses = '[]') filter (where in_next)
                as next_whole
        from (
            select terms_id, pauses, starts, coalesce(contract.ends, 'infinity') as ends,
                starts < period.ends and coalesce(contract.ends, 'infinity') > period.starts as in_period,
                coalesce(contract.ends, 'infinity') > period.ends as in_next
            from contracts as contract
            where contract.tenant_id = tenant.tenant_id and contract.starts < period.next_ends
                and (contract.ends is null or contract.ends > period.starts)
        ) as touching
    ) as held
    order by tenant.tenant_id
"""

# A sum of quantities is written with their six decimals, so without its point it is whole millionths of a unit.
_USAGE = """
    select tenant_id, meter, cast(sum(quantity) as text) as quantity from usage_daily
    where {whose} and day >= :first_day and day < :end_day
    group by tenant_id, meter
"""
# A range is one walk through the index, which is a fifth cheaper than looking for each tenant; where many of its tenants are
# not asked for, it reads what nobody wants.
_USAGE_OF_RANGE = text(_USAGE.format(whose="tenant_id between :first and :last"))
_USAGE_OF_SOME = text(_USAGE.format(whose="tenant_id = any(:tenants)"))

_HOLDS = text("""
    select tenant_id, meter, reason from holds
    where effect = 'invoicing' and released_at is null and (meter is not null or tenant_id between :first and :last)
""")

# Tenants whose roll-ups are not all there is to know: days to be rolled up again, and usage that belongs to the next bill.
_UNSETTLED = text("""
    select tenant_id from late_usage where period = :period and tenant_id between :first and :last
    union
    select tenant_id from rollup_dirty
    where tenant_id between :first and :last and day >= :first_day and day < :end_day
""")

_DISAGREEING = text("""
    select distinct on (tenant_id) tenant_id, meter, day from rollup_findings
    where resolved_at is null and tenant_id between :first and :last and day >= :first_day and day < :end_day
    order by tenant_id, day, meter
""")

Usage = dict[str, int]


class Account(NamedTuple):
    """A tenant as far as billing it needs, and how its contracts lie to the period and to the following one."""

    tenant_id: str
    currency: str
    zone: str
    anchor_day: int
    legal_entity_id: str | None
    has_address: bool
    has_customer: bool
    can_be_collected: bool
    now: int
    terms_id: int | None
    whole: bool | None
    next: int
    next_terms_id: int | None
    next_whole: bool | None

    @property
    def is_plain(self) -> bool:
        """Whether one contract holds throughout (or none at all), now and in the following period."""
        return _plain(self.now, self.terms_id, self.whole) and _plain(self.next, self.next_terms_id, self.next_whole)


@dataclass(frozen=True)
class Stops:
    """Why tenants are not to be billed: holds by tenant and by meter, and the first roll-up that disagrees with raw usage."""

    tenants: dict[str, str]
    meters: dict[str, str]
    disagreeing: dict[str, tuple[str, date]]

    def hold_on(self, tenant_id: str, used: Iterable[str]) -> str | None:
        """The reason of a hold that covers the tenant or a meter it used."""
        if tenant_id in self.tenants:
            return self.tenants[tenant_id]
        return next((self.meters[meter] for meter in used if meter in self.meters), None) if self.meters else None


def read_accounts(connection: Connection, run: Run, shard: Shard, calendar: Calendar) -> list[Account]:
    """The shard's tenants that this run has not come to yet, by id; a dry run also looks at those invoiced already."""
    not_done = _NOT_DONE if run.dry_run else _NOT_DONE + _NOT_INVOICED
    statement = text(_TENANTS.format(tenants=run.tenants, not_done=not_done))
    return [
        Account(*row) for row in connection.execute(statement, run.parameters | shard.model_dump() | calendar.edges)
    ]


def read_usage(
    connection: Connection, run: Run, shard: Shard, accounts: Sequence[Account], calendar: Calendar
) -> dict[str, Usage]:
    """Millionths of a unit by tenant and meter, from the roll-ups: one statement for each anchor day in the shard."""
    usage: defaultdict[str, Usage] = defaultdict(dict)
    by_anchor = sorted(accounts, key=attrgetter("anchor_day"))
    with found_by_index(connection):
        for anchor_day, group in groupby(by_anchor, key=attrgetter("anchor_day")):
            days = calendar.days[anchor_day - 1]
            tenants = {account.tenant_id for account in group}
            of_most = 2 * len(tenants) > run.policy.shard_size
            whose = shard.model_dump() if of_most else {"tenants": list(tenants)}
            statement = _USAGE_OF_RANGE if of_most else _USAGE_OF_SOME
            summed = connection.execute(statement, {"first_day": days.first, "end_day": days.end, **whose})
            # The driver's own rows: there are many, and SQLAlchemy's cost as much again.
            for tenant_id, meter, quantity in summed.cursor.fetchall():
                if tenant_id in tenants:
                    usage[tenant_id][meter] = int(quantity.replace(".", ""))
    return usage


def read_stops(connection: Connection, shard: Shard, calendar: Calendar) -> Stops:
    """Holds on invoicing for a tenant or a meter, and open findings on the shard's roll-ups."""
    holds = connection.execute(_HOLDS, shard.model_dump()).all()
    outer = calendar.outer
    findings = connection.execute(
        _DISAGREEING, shard.model_dump() | {"first_day": outer.first, "end_day": outer.end}
    ).all()
    return Stops(
        tenants={hold.tenant_id: hold.reason for hold in holds if hold.tenant_id is not None},
        meters={hold.meter: hold.reason for hold in holds if hold.tenant_id is None},
        disagreeing={found.tenant_id: (found.meter, found.day) for found in findings},
    )


def read_unsettled(connection: Connection, shard: Shard, calendar: Calendar) -> set[str]:
    """Tenants whose usage must be counted day by day: some of it is not rolled up yet, or came too late for this bill."""
    outer = calendar.outer
    wanted = shard.model_dump() | {"period": calendar.period, "first_day": outer.first, "end_day": outer.end}
    return set(connection.execute(_UNSETTLED, wanted).scalars())


def _plain(count: int, terms_id: int | None, whole: bool | None) -> bool:
    return count == 0 or (count == 1 and terms_id is not None and bool(whole))
