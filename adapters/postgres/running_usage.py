"""Usage of the service period that runs, for all tenants at once: from the roll-ups, and from the events where they lag.

Roll-up and mark change in one transaction, so in one snapshot a day without a mark is right and one with a mark is counted
from its events: every event counts once, and the moment of the snapshot is the one cutoff of all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, text

from activities.ports import Heartbeat
from adapters.postgres.billing_runs.irregular import read_contracts
from adapters.postgres.billing_runs.terms import TermsShelf
from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.exports.reading import long_reading
from adapters.postgres.local_days import local_days
from billing.contracts import Contract, Terms
from billing.overage import CappedMeter, RunningUsage, SpikingDay
from billing.periods import DaySpan, local_day, local_midnight, month_after, service_days
from billing.policy.limits import SpikePolicy
from billing.rate_cards import micro, plain, shared
from billing.segments import segments
from billing.tenants import Tier

# `plain`: the contract holds for all of the period, without a pause.
_ACCOUNTS = text("""
    with period as materialized (
        select * from unnest(cast(:zones as text[]), cast(:anchors as int[]), cast(:starts as timestamptz[]),
            cast(:ends as timestamptz[])) as period(zone, anchor_day, starts, ends)
    )
    select tenant.tenant_id, tenant.tier, tenant.zone, tenant.anchor_day, held.terms_id,
        held.starts <= period.starts and (held.ends is null or held.ends >= period.ends) and held.pauses = '[]' as plain
    from tenants as tenant join period using (zone, anchor_day)
    cross join lateral (
        select terms_id, contract.starts, contract.ends, pauses from contracts as contract
        where contract.tenant_id = tenant.tenant_id and contract.starts <= :at
            and (contract.ends is null or contract.ends > :at) and terms_id is not null
        order by contract.starts desc limit 1
    ) as held
    order by tenant.tenant_id
""")
_CALENDARS = text("select distinct zone, anchor_day from tenants")
_CAPS = text("""
    select tenant_id, meter, cap from (
        select distinct on (tenant_id, meter) * from usage_caps order by tenant_id, meter, cap_id desc
    ) as newest
    where not as_contracted
""")
_DAYS_MARKED = text("select distinct zone, day from rollup_dirty join tenants using (tenant_id) where day >= :first")

_USED = text("""
    with capped as materialized (
        select * from unnest(cast(:tenants as text[]), cast(:meters as text[]), cast(:caps as numeric[]),
            cast(:firsts as date[]), cast(:lasts as date[])) as capped(tenant_id, meter, cap, first, last)
    ), marked as materialized (
        select distinct tenant_id, meter, day from rollup_dirty
    ), counted as (
        select capped.tenant_id, capped.meter, sum(raw.quantity) as quantity
        from capped join marked using (tenant_id, meter) join tenants using (tenant_id)
        join unnest(cast(:zones as text[]), cast(:days as date[]), cast(:starts as timestamptz[]),
            cast(:ends as timestamptz[])) as local_day(zone, day, starts, ends) using (zone, day)
        cross join lateral (
            select sum(quantity) as quantity from usage_events as event
            where event.tenant_id = capped.tenant_id and event.meter = capped.meter
                and event_time >= starts and event_time < ends
        ) as raw
        where day >= capped.first and day <= capped.last
        group by capped.tenant_id, capped.meter
    ), used as (
        select capped.tenant_id, capped.meter, capped.cap,
            coalesce(rolled.quantity, 0) + coalesce(counted.quantity, 0) as used
        from capped left join counted using (tenant_id, meter)
        cross join lateral (
            select sum(daily.quantity) as quantity from usage_daily as daily
            where daily.tenant_id = capped.tenant_id and daily.meter = capped.meter
                and daily.day >= capped.first and daily.day <= capped.last
                and (daily.tenant_id, daily.meter, daily.day) not in (select tenant_id, meter, day from marked)
        ) as rolled
    )
    select tenant_id, meter, cap, used from used
    where used >= cap * :share or tenant_id = any(cast(:always as text[]))
    order by tenant_id, meter
""")

# Along the key of the roll-ups: two days of each tenant and meter first, then a month for those that have usage. The
# planner would rather look at the month of every day there is, so it gets no choice. As they were rolled up: a day that is
# not yet is looked at an hour later.
_SPIKES = text("""
    with today as materialized (
        select * from unnest(cast(:zones as text[]), cast(:todays as date[])) as today(zone, day)
    ), looked_at as materialized (
        select tenant.tenant_id, tenant.tier, meters.meter, recent.day, recent.used
        from tenants as tenant join today using (zone) cross join meters
        cross join lateral (
            select daily.day, quantity as used from usage_daily as daily
            where daily.tenant_id = tenant.tenant_id and daily.meter = meters.meter
                and daily.day > today.day - 2 and daily.day <= today.day and quantity > 0
            offset 0
        ) as recent
    )
    select tenant_id, tier, meter, looked_at.day, used, before.quantity, before.used_days
    from looked_at
    cross join lateral (
        select coalesce(sum(quantity), 0) as quantity, count(*) filter (where quantity > 0) as used_days
        from usage_daily as daily
        where daily.tenant_id = looked_at.tenant_id and daily.meter = looked_at.meter
            and daily.day >= looked_at.day - cast(:days as int) and daily.day < looked_at.day
        offset 0
    ) as before
    where before.used_days >= :used_days and used * :days >= :factor * before.quantity
    order by tenant_id, meter, looked_at.day
""")


class _Period(NamedTuple):
    """The service period that runs in a zone, and its local day of today."""

    days: DaySpan
    today: date


class _Capped(NamedTuple):
    tenant_id: str
    meter: str
    cap: Decimal
    first: date
    last: date


class PostgresRunningUsage:
    """Satisfies `RunningUsages`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._terms = TermsShelf()

    def near_caps(
        self, at: datetime, share: Decimal, always: Collection[str], heartbeat: Heartbeat
    ) -> tuple[RunningUsage, ...]:
        with Pulse(heartbeat) as pulse, long_reading(self._engine) as connection:
            pulse.note("reading contracts and caps")
            periods = _periods(connection, at)
            accounts = connection.execute(_ACCOUNTS, _as_rows(periods) | {"at": at}).all()
            capped = list(self._capped(connection, accounts, periods))
            pulse.note(f"adding up the usage of {len(accounts)} tenants")
            used = _used(connection, capped, share, always)
        return tuple(_running(used, accounts, periods))

    def days(self, at: datetime, policy: SpikePolicy, heartbeat: Heartbeat) -> tuple[SpikingDay, ...]:
        with Pulse(heartbeat) as pulse, long_reading(self._engine) as connection:
            pulse.note("looking for spikes")
            zones = sorted({row.zone for row in connection.execute(_CALENDARS)})
            asked = {"zones": zones, "todays": [local_day(at, zone) for zone in zones]}
            limits = {"days": policy.baseline_days, "used_days": policy.used_days, "factor": policy.factor}
            rows = connection.execute(_SPIKES, asked | limits).all()
        return tuple(
            SpikingDay(
                tenant_id=row.tenant_id,
                tier=Tier(row.tier),
                meter=row.meter,
                day=row.day,
                used=row.used,
                before=row.quantity,
                used_days=row.used_days,
            )
            for row in rows
        )

    def _capped(
        self, connection: Connection, accounts: Sequence[Any], periods: Mapping[tuple[str, int], _Period]
    ) -> Iterator[_Capped]:
        """Every capped meter of every tenant, with the days that count."""
        own: dict[str, dict[str, Decimal | None]] = {}
        for row in connection.execute(_CAPS):
            own.setdefault(row.tenant_id, {})[row.meter] = row.cap
        terms = self._terms.read(connection, {account.terms_id for account in accounts})
        irregular = self._contracts(connection, [one for one in accounts if not one.plain], periods)
        for account in accounts:
            period = periods[account.zone, account.anchor_day]
            caps = _caps(account, period, terms[account.terms_id].terms, irregular)
            for meter, cap in own.get(account.tenant_id, {}).items():
                caps[meter] = (cap, period.days.first)
            for meter, (cap, first) in caps.items():
                if cap:
                    yield _Capped(account.tenant_id, meter, cap, first, period.today)

    def _contracts(
        self, connection: Connection, accounts: Sequence[Any], periods: Mapping[tuple[str, int], _Period]
    ) -> Mapping[str, Sequence[Contract]]:
        if not accounts:
            return {}
        spans = [periods[account.zone, account.anchor_day].days for account in accounts]
        outer = DaySpan(min(span.first for span in spans), max(span.end for span in spans))
        return read_contracts(connection, [account.tenant_id for account in accounts], outer, self._terms)[0]


def _periods(connection: Connection, at: datetime) -> dict[tuple[str, int], _Period]:
    """The period that runs, for each zone and anchor day that tenants have."""
    return {(row.zone, row.anchor_day): _period(row.zone, row.anchor_day, at) for row in connection.execute(_CALENDARS)}


def _period(zone: str, anchor_day: int, at: datetime) -> _Period:
    today = local_day(at, zone)
    # A period is named after the month of its last day, so today's is that of this month or of the next one.
    days = service_days(f"{today:%Y-%m}", anchor_day)
    return _Period(days if today in days else service_days(month_after(f"{today:%Y-%m}"), anchor_day), today)


def _as_rows(periods: Mapping[tuple[str, int], _Period]) -> dict[str, Any]:
    return {
        "zones": [zone for zone, _ in periods],
        "anchors": [anchor_day for _, anchor_day in periods],
        "starts": [local_midnight(period.days.first, zone) for (zone, _), period in periods.items()],
        "ends": [local_midnight(period.days.end, zone) for (zone, _), period in periods.items()],
    }


def _caps(
    account: Any, period: _Period, terms: Terms, irregular: Mapping[str, Sequence[Contract]]
) -> dict[str, tuple[Decimal | None, date]]:
    """What the contract in force includes, by meter, and since when usage counts against it: as it will be billed (B1)."""
    if account.plain:
        return {price.meter: (price.included, period.days.first) for price in terms.prices}
    stretches = segments(irregular.get(account.tenant_id, ()), period.days, account.zone)
    now = next((stretch for stretch in stretches if period.today in stretch.days), None)
    if now is None:
        return {}
    whole = period.days.days
    return {
        price.meter: (plain(shared(micro(price.included), now.active_days, whole)), now.days.first)
        for price in now.terms.prices
    }


def _used(
    connection: Connection, capped: Sequence[_Capped], share: Decimal, always: Collection[str]
) -> dict[str, list[CappedMeter]]:
    if not capped:
        return {}
    marked = connection.execute(_DAYS_MARKED, {"first": min(one.first for one in capped)}).all()
    asked: dict[str, Any] = {
        "tenants": [one.tenant_id for one in capped],
        "meters": [one.meter for one in capped],
        "caps": [one.cap for one in capped],
        "firsts": [one.first for one in capped],
        "lasts": [one.last for one in capped],
        "share": share,
        "always": list(always),
    }
    windows = local_days((row.zone, row.day) for row in marked)
    found: dict[str, list[CappedMeter]] = {}
    for row in connection.execute(_USED, asked | windows):
        found.setdefault(row.tenant_id, []).append(CappedMeter(meter=row.meter, used=row.used, cap=row.cap))
    return found


def _running(
    used: Mapping[str, Sequence[CappedMeter]],
    accounts: Sequence[Any],
    periods: Mapping[tuple[str, int], _Period],
) -> Iterator[RunningUsage]:
    for account in accounts:
        if meters := used.get(account.tenant_id):
            days = periods[account.zone, account.anchor_day].days
            yield RunningUsage(
                tenant_id=account.tenant_id,
                tier=Tier(account.tier),
                period=days.first,
                ends_at=local_midnight(days.end, account.zone),
                meters=tuple(meters),
            )
