"""What is looked at before a run begins: nothing is written, and every question is one statement for all tenants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, text

from adapters.postgres.billing_runs.calendar import Calendar, calendar_of
from adapters.postgres.billing_runs.late import WAITS
from adapters.postgres.billing_runs.register import Run
from billing.month_end import Preflight, PreflightFinding, Severity
from billing.wording import counted, dated, listed

EXAMPLES = 3
# A meter that was used on each of these days before the period is expected to be used in it.
_USUAL_DAYS = 7

_PREVIOUS_IS_OPEN = text("""
    select exists (select from period_closings where period < :previous)
        and not exists (select from period_closings where period = :previous)
""")

_USED_DAYS = text("""
    select meter, day from usage_daily where day >= :since and day < :end and events > 0 group by meter, day
""")

_QUARANTINED = text("select count(*) from usage_quarantine where state = 'held'")

_WAITING = text(f"""
    select period, count(*) as tenants, min(tenant_id) as example
    from (select distinct tenant_id, period from late_usage where billed_on is null and period < :period) as asked
    where {WAITS} group by period order by period
""")  # noqa: S608 - words of ours

_HELD = text("""
    select coalesce('tenant ' || tenant_id, 'meter ' || meter) as cover, reason from holds
    where effect = 'invoicing' and released_at is null and (tenant_id is not null or meter is not null)
    order by placed_at
""")

# Each answers the tenants it is about, within those the run looks at.
_TENANTS_IN_TROUBLE: tuple[tuple[str, str], ...] = (
    ("tenant.legal_entity_id is null", "no legal entity that issues their invoices: name one for each"),
    ("tenant.address is null", "no address to print on an invoice: put it on record"),
    ("tenant.provider_customer_id is null", "no customer at the payment provider: link each to one"),
    (
        "tenant.collection = 'charge_automatically' and tenant.payment_method_id is null",
        "no payment method and are charged automatically: ask for one, or send them invoices to pay",
    ),
    (
        """
        not exists (
            select from contracts as contract where contract.tenant_id = tenant.tenant_id
                and contract.starts < :end_moment and (contract.ends is null or contract.ends > :first_moment)
        ) and exists (
            select from usage_daily as daily where daily.tenant_id = tenant.tenant_id
                and daily.day >= :first and daily.day < :end and daily.quantity > 0
        )
        """,
        "usage and no contract that covers the period: put one on record",
    ),
    (
        """
        exists (
            select from contracts as contract join contract_terms as terms on terms.terms_id = contract.terms_id
            where contract.tenant_id = tenant.tenant_id and terms.currency <> tenant.currency
                and contract.starts < :end_moment and (contract.ends is null or contract.ends > :first_moment)
        )
        """,
        "a contract in another currency than their own: make the two agree",
    ),
    (
        """
        exists (
            select from rollup_findings as found where found.tenant_id = tenant.tenant_id
                and found.resolved_at is null and found.day >= :first and found.day < :end
        )
        """,
        "roll-ups that disagree with the raw events: `runbooks usage findings` lists the days, `runbooks usage rebuild "
        "--first DAY --last DAY` makes them anew, and `runbooks usage validate` clears what agrees again",
    ),
)

# Terms are looked through once for each meter in use, then only tenants under terms that lack one.
_UNPRICED = """
    select used.meter, count(distinct tenant.tenant_id) as tenants, min(tenant.tenant_id) as example
    from unnest(cast(:meters as text[])) as used(meter)
    join contract_terms as terms on not terms.terms @> jsonb_build_object(
        'prices', jsonb_build_array(jsonb_build_object('meter', used.meter))
    )
    join contracts as contract on contract.terms_id = terms.terms_id
        and contract.starts < :end_moment and (contract.ends is null or contract.ends > :first_moment)
    join (select tenant.tenant_id from {tenants}) as tenant on tenant.tenant_id = contract.tenant_id
    where exists (
        select from usage_daily as daily where daily.tenant_id = tenant.tenant_id and daily.meter = used.meter
            and daily.day >= :first and daily.day < :end and daily.quantity > 0
    )
    group by used.meter order by used.meter
"""

# Of the books, and of the newest look at the provider: documents of one tenant and period that do not correct each other.
_DUPLICATES = text("""
    select invoice.tenant_id, count(*) as documents, 'in our books' as place
    from invoices as invoice
    where invoice.period = :period and invoice.status <> 'void'
        and not exists (select from invoices as later where later.corrects = invoice.invoice_id)
    group by invoice.tenant_id having count(*) > 1
    union all
    select coalesce(tenant.tenant_id, found.provider_customer_id), count(*), 'at the payment provider'
    from provider_invoices as found
    left join tenants as tenant on tenant.provider_customer_id = found.provider_customer_id
    where found.status <> 'void' and found.op_key is not null and found.reconciliation_id = (
        select reconciliation_id from reconciliations where period = :period order by started_at desc limit 1
    )
    group by coalesce(tenant.tenant_id, found.provider_customer_id), found.op_key having count(*) > 1
    order by 1, 3
""")


def preflight(connection: Connection, run: Run) -> Preflight:
    """Everything that is not as it should be, blocking findings first; of each severity the first `listed_at_most`."""
    calendar = calendar_of(run.period)
    used = _used_days(connection, calendar)
    findings = [
        *_previous_period(connection, run, calendar),
        *_usage_stopped(used, calendar),
        *_tenants(connection, run, calendar),
        *_unpriced(connection, run, calendar, sorted(used)),
        *_held(connection),
        *_duplicates(connection, run),
        *_quarantine(connection),
        *_waiting(connection, run),
    ]
    most = run.policy.listed_at_most
    by_severity = ([one for one in findings if one.severity is severity][:most] for severity in Severity)
    return Preflight(findings=tuple(one for severity in by_severity for one in severity))


def _previous_period(connection: Connection, run: Run, calendar: Calendar) -> Iterator[PreflightFinding]:
    previous = calendar.previous_period
    if connection.execute(_PREVIOUS_IS_OPEN, {"previous": previous}).scalar_one():
        yield PreflightFinding(
            severity=Severity.BLOCKING,
            sentence=f"period {previous} was never closed: run its month end first, so that its usage stays in it",
        )


def _used_days(connection: Connection, calendar: Calendar) -> dict[str, set[date]]:
    """The local days on which each meter was used by anybody, from a few days before the period."""
    used: defaultdict[str, set[date]] = defaultdict(set)
    days = calendar.days[0]
    since = days.first - timedelta(days=_USUAL_DAYS)
    for meter, day in connection.execute(_USED_DAYS, {"since": since, "end": days.end}):
        used[meter].add(day)
    return dict(used)


def _usage_stopped(used: dict[str, set[date]], calendar: Calendar) -> Iterator[PreflightFinding]:
    """A day without any usage at all looks like a feed that broke; one without a meter's usage may be just that."""
    period = calendar.days[0]
    usual = {period.first - timedelta(days=ago) for ago in range(1, _USUAL_DAYS + 1)}
    expected = [period.first + timedelta(days=n) for n in range(period.days)]
    everything = set().union(*used.values())
    if usual <= everything and (silent := [day for day in expected if day not in everything]):
        yield PreflightFinding(
            severity=Severity.BLOCKING,
            sentence=f"no usage of any meter is on record for {_dates(silent)}: load it, then try again",
        )
    for meter, days in sorted(used.items()):
        if usual <= days and (missing := [day for day in expected if day not in days and day in everything]):
            yield PreflightFinding(
                severity=Severity.NOTE,
                sentence=f"{meter} was used every day before and not on {_dates(missing)}: see whether usage is missing",
            )


def _tenants(connection: Connection, run: Run, calendar: Calendar) -> Iterator[PreflightFinding]:
    for condition, trouble in _TENANTS_IN_TROUBLE:
        found = connection.execute(
            text(
                f"select count(*) as tenants, (array_agg(tenant_id order by tenant_id))[1:{EXAMPLES}] as examples "  # noqa: S608
                f"from (select tenant.tenant_id from {run.tenants} and {condition}) as troubled"
            ),
            run.parameters | _edges(calendar),
        ).one()
        if found.tenants:
            yield _parking(found.tenants, found.examples, f"with {trouble}")


def _unpriced(connection: Connection, run: Run, calendar: Calendar, used: Sequence[str]) -> Iterator[PreflightFinding]:
    unpriced = text(_UNPRICED.format(tenants=run.tenants))
    for found in connection.execute(unpriced, run.parameters | _edges(calendar) | {"meters": list(used)}):
        yield _parking(
            found.tenants, [found.example], f"used {found.meter} under terms that do not price it: agree a price"
        )


def _held(connection: Connection) -> Iterator[PreflightFinding]:
    for hold in connection.execute(_HELD):
        yield PreflightFinding(
            severity=Severity.PARKING,
            sentence=f"invoicing is held for {hold.cover}: {hold.reason}; release the hold to bill what it covers",
        )


def _duplicates(connection: Connection, run: Run) -> Iterator[PreflightFinding]:
    for found in connection.execute(_DUPLICATES, {"period": run.period}):
        yield PreflightFinding(
            severity=Severity.NOTE,
            sentence=f"{found.tenant_id} has {found.documents} documents for {run.period} {found.place}: the first counts, "
            "void the others with a reason",
            tenants=1,
        )


def _quarantine(connection: Connection) -> Iterator[PreflightFinding]:
    if rows := connection.execute(_QUARANTINED).scalar_one():
        yield PreflightFinding(
            severity=Severity.NOTE,
            sentence=f"{counted(rows, 'row')} of usage in quarantine will not be billed: release or discard them",
        )


def _waiting(connection: Connection, run: Run) -> Iterator[PreflightFinding]:
    for found in connection.execute(_WAITING, {"period": run.period}):
        yield PreflightFinding(
            severity=Severity.NOTE,
            sentence=f"late usage of {counted(found.tenants, 'tenant')} ({found.example}) waits until {found.period} itself "
            f"is billed: `runbooks month-end rerun --period {found.period}`",
            tenants=found.tenants,
        )


def _parking(count: int, examples: Sequence[str], trouble: str) -> PreflightFinding:
    named = listed([*examples, *([f"{count - len(examples)} more"] if count > len(examples) else [])])
    return PreflightFinding(
        severity=Severity.PARKING, sentence=f"{counted(count, 'tenant')} {trouble} ({named})", tenants=count
    )


def _edges(calendar: Calendar) -> dict[str, Any]:
    """The calendar month as days, and as moments with a day's room for any zone and anchor."""
    days = calendar.outer
    return {"first": days.first, "end": days.end, "first_moment": days.first, "end_moment": days.end}


def _dates(days: Sequence[date]) -> str:
    return listed([dated(day) for day in days], at_most=EXAMPLES)
