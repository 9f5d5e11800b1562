"""What a run came to: counted where the entries are."""

from __future__ import annotations

from sqlalchemy import Connection, select, text

from adapters.postgres.billing_runs.bounds import IN_FORCE, RATED
from adapters.postgres.billing_runs.register import Run
from adapters.postgres.tables import billing_runs
from billing.month_end import Outcome, RunState
from billing.periods import month_before
from billing.run_reports import Bound, CurrencyTotal, Flag, RunReport, StoppedTenant

_PARKED_BY_HAND = "run_parkings as parking where parking.run_id = :run_id"

_OUTCOMES = text(f"""
    select outcome, count(*) from run_entries as entry
    where entry.run_id = :run_id and not exists (
        select from {_PARKED_BY_HAND} and parking.tenant_id = entry.tenant_id
    )
    group by outcome
    union all
    select 'parked', count(*) from {_PARKED_BY_HAND} having count(*) > 0
    union all
    select 'already_invoiced', count(*) from invoices as invoice
    where not :dry_run and invoice.period = :period and invoice.kind = 'usage' and invoice.revision = 1
        and invoice.run_id is distinct from :run_id
    having count(*) > 0
""")  # noqa: S608 - words of ours

# A dry run rates also whom other runs have billed, so it counts their documents in neither column.
_TOTALS = text(f"""
    with billed as (
        select entry.currency, count(*) as invoices, sum(entry.total_minor) as total_minor
        from {RATED} group by entry.currency
    ), elsewhere as (
        select invoice.currency, sum(invoice.total_minor) as issued_minor
        from invoices as invoice
        where not :dry_run and invoice.period = :period and {IN_FORCE} and invoice.run_id is distinct from :run_id
        group by invoice.currency
    ), previous as (
        select invoice.currency, sum(invoice.total_minor) as previous_minor
        from invoices as invoice where invoice.period = :previous and {IN_FORCE} group by invoice.currency
    )
    select currency, coalesce(invoices, 0) as invoices, coalesce(total_minor, 0) as total_minor,
        coalesce(issued_minor, 0) as issued_minor, previous_minor
    from billed full join elsewhere using (currency) full join previous using (currency)
    order by currency
""")  # noqa: S608 - words of ours

_FLAGGED = text("""
    select bound, count(*) from run_flags as flag
    where flag.run_id = :run_id and not exists (
        select from run_parkings as parking
        where parking.run_id = flag.run_id and parking.tenant_id = flag.tenant_id
    )
    group by bound
""")

_FLAGS = text("""
    select tenant_id, bound, detail from run_flags as flag
    where flag.run_id = :run_id and not exists (
        select from run_parkings as parking
        where parking.run_id = flag.run_id and parking.tenant_id = flag.tenant_id
    )
    order by tenant_id, bound limit :most
""")

_STOPPED = text("""
    select tenant_id, outcome, reason from (
        select tenant_id, outcome, reason from run_entries
        where run_id = :run_id and outcome in ('parked', 'held')
        union all
        select tenant_id, 'parked', reason from run_parkings where run_id = :run_id
    ) as stopped
    order by tenant_id limit :most
""")

_DIGEST = text(f"""
    select encode(sha256(coalesce(string_agg(
        convert_to(entry.tenant_id || ' ' || entry.digest || ' ', 'UTF8'), '' order by entry.tenant_id
    ), '')), 'hex')
    from {RATED}
""")  # noqa: S608 - words of ours


def report(connection: Connection, run: Run) -> RunReport:
    """The report that the run was closed with, or the run as it stands."""
    kept = connection.execute(
        select(billing_runs.c.report).where(
            billing_runs.c.run_id == run.run_id, billing_runs.c.state == RunState.CLOSED.value
        )
    ).scalar_one_or_none()
    return RunReport.model_validate(kept) if kept else as_it_stands(connection, run)


def as_it_stands(connection: Connection, run: Run) -> RunReport:
    """Counts are complete; lists hold the first `policy.listed_at_most` by tenant id."""
    asked = run.parameters | {"dry_run": run.dry_run, "previous": month_before(run.period)}
    listed = {"run_id": run.run_id, "most": run.policy.listed_at_most}
    return RunReport(
        run_id=run.run_id,
        period=run.period,
        dry_run=run.dry_run,
        outcomes=_counted(connection, asked),
        totals=tuple(CurrencyTotal(**row) for row in connection.execute(_TOTALS, asked).mappings()),
        flagged={Bound(bound): count for bound, count in connection.execute(_FLAGGED, asked)},
        flags=tuple(Flag(**row) for row in connection.execute(_FLAGS, listed).mappings()),
        stopped=tuple(StoppedTenant(**row) for row in connection.execute(_STOPPED, listed).mappings()),
        digest=connection.execute(_DIGEST, asked).scalar_one(),
    )


def _counted(connection: Connection, asked: dict[str, object]) -> dict[Outcome, int]:
    outcomes: dict[Outcome, int] = {}
    for outcome, count in connection.execute(_OUTCOMES, asked):
        outcomes[Outcome(outcome)] = outcomes.get(Outcome(outcome), 0) + count
    return outcomes
