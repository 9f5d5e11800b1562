"""Month ends in the books, from the opening of a run to its closing: each call is one transaction, or one a batch."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from psycopg import errors
from sqlalchemy import Connection, Engine, Select, insert, select, update

from activities.ports import Heartbeat
from adapters.postgres.billing_runs import finalising, ranges, reports
from adapters.postgres.billing_runs.bounds import flag_spikes
from adapters.postgres.billing_runs.differences import differences
from adapters.postgres.billing_runs.drafts import drop_drafts
from adapters.postgres.billing_runs.planning import planned_anew
from adapters.postgres.billing_runs.preflight import preflight
from adapters.postgres.billing_runs.register import Run, find_run, newest_run, open_run, still_works
from adapters.postgres.billing_runs.shard_work import rate_shard, rated
from adapters.postgres.billing_runs.terms import TermsShelf
from adapters.postgres.closings import close_period, cutoff_of
from adapters.postgres.engine import transaction
from adapters.postgres.tables import billing_runs, invoices, run_parkings
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.month_end import BillingRun, Parking, Preflight, RunOrder, RunState, Shard, ShardResult
from billing.policy.month_end import Errand, MonthEndPolicy
from billing.run_reports import RunDiff, RunReport

# Another worker wrote the same documents first: what is left of the shard is read again.
TRIES = 5
DROPPED_AT_ONCE = 500
RUNS_KEPT_IN_MIND = 64


class PostgresBillingRuns:
    """Satisfies `BillingRuns`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._snapshots = engine.execution_options(isolation_level="REPEATABLE READ")
        self._shelf = TermsShelf()
        self._find = lru_cache(maxsize=RUNS_KEPT_IN_MIND)(self._read)

    def open(self, order: RunOrder, workflow_run_id: str, policy: MonthEndPolicy, now: datetime) -> BillingRun:
        with transaction(self._engine) as connection:
            return open_run(connection, order, workflow_run_id, policy, now)

    def preflight(self, run_id: str) -> Preflight:
        run = self._find(run_id)
        with transaction(self._snapshots) as connection:
            return preflight(connection, run)

    def close_usage(self, run_id: str, now: datetime) -> datetime:
        run = self._find(run_id)
        with transaction(self._engine) as connection:
            if run.dry_run:
                cutoff = cutoff_of(connection, run.period) or now
            else:
                still_works(connection, run_id)
                cutoff = close_period(connection, run.period, run_id, now)
            connection.execute(update(billing_runs).where(billing_runs.c.run_id == run_id).values(cutoff=cutoff))
        return cutoff

    def shards(self, run_id: str, after: str, count: int) -> tuple[Shard, ...]:
        run = self._find(run_id)
        with transaction(self._engine) as connection:
            return ranges.shards(connection, run, after, count)

    def rate(self, run_id: str, shard: Shard, heartbeat: Heartbeat) -> ShardResult:
        run = self._find(run_id)
        for last_try in (*[False] * (TRIES - 1), True):
            heartbeat(f"rating {shard.first} to {shard.last}")
            try:
                with transaction(self._snapshots) as connection, planned_anew(connection):
                    lines = rate_shard(connection, run, shard, self._shelf)
                    return rated(connection, run, shard, lines)
            except BillingFailure as failure:
                if last_try or not isinstance(failure.__cause__, errors.UniqueViolation):
                    raise
        raise AssertionError("the last try returns or raises")

    def check(self, run_id: str) -> RunReport:
        run = self._find(run_id)
        with transaction(self._snapshots) as connection:
            flag_spikes(connection, run)
            return reports.as_it_stands(connection, run)

    def finalise(self, run_id: str, shard: Shard, now: datetime, heartbeat: Heartbeat) -> ShardResult:
        run = self._find(run_id)
        heartbeat(f"finalising {shard.first} to {shard.last}")
        with transaction(self._engine) as connection, planned_anew(connection):
            finalising.finalise(connection, run, shard, now)
            return finalising.issued(connection, run, shard)

    def park(self, run_id: str, parking: Parking) -> None:
        """The same tenant again changes nothing."""
        run = self._find(run_id)
        with transaction(self._engine) as connection:
            still_works(connection, run_id)
            parked = select(run_parkings.c.reason).where(
                run_parkings.c.run_id == run_id, run_parkings.c.tenant_id == parking.tenant_id
            )
            if connection.execute(parked).first() is not None:
                return
            _drop_draft_of(connection, run, parking.tenant_id)
            connection.execute(
                insert(run_parkings).values(
                    run_id=run_id, tenant_id=parking.tenant_id, reason=parking.reason, parked_by=parking.by
                )
            )

    def abandon(self, run_id: str, why: str, now: datetime) -> None:
        self._end(run_id, RunState.ABANDONED, {"abandoned": why}, now)

    def close(self, run_id: str, report: RunReport, now: datetime) -> None:
        self._end(run_id, RunState.CLOSED, report.model_dump(mode="json"), now)

    def documents(self, run_id: str, errand: Errand, after: str, count: int) -> tuple[Shard, ...]:
        run = self._find(run_id)
        with transaction(self._engine) as connection:
            return ranges.documents(connection, run, errand, after, count)

    def waiting(self, run_id: str, errand: Errand) -> int:
        run = self._find(run_id)
        with transaction(self._engine) as connection:
            return ranges.waiting(connection, run, errand)

    def diff(self, run_id: str, against: str) -> RunDiff:
        with transaction(self._snapshots) as connection:
            return differences(connection, self._find(run_id), self._find(against))

    def last(self, period: str, *, before: str | None = None) -> str | None:
        with transaction(self._engine) as connection:
            return newest_run(connection, period, before)

    def working(self, period: str) -> str | None:
        billing = select(billing_runs.c.run_id).where(
            billing_runs.c.period == period,
            billing_runs.c.state == RunState.WORKING.value,
            billing_runs.c.dry_run.is_(False),
        )
        with transaction(self._engine) as connection:
            return connection.execute(billing).scalar_one_or_none()

    def report(self, run_id: str) -> RunReport:
        run = self._find(run_id)
        with transaction(self._snapshots) as connection:
            return reports.report(connection, run)

    def _read(self, run_id: str) -> Run:
        with transaction(self._engine) as connection:
            return find_run(connection, run_id)

    def _end(self, run_id: str, state: RunState, report: dict[str, Any], now: datetime) -> None:
        """End the run, then drop what it left unissued, batch by batch: nobody writes into an ended run any more."""
        run = self._find(run_id)
        ended = (
            update(billing_runs)
            .where(billing_runs.c.run_id == run_id, billing_runs.c.state == RunState.WORKING.value)
            .values(state=state.value, report=report, ended_at=now)
        )
        with transaction(self._engine) as connection:
            connection.execute(ended)
        dropped = 1
        while dropped:
            with transaction(self._engine) as connection:
                left = connection.execute(_drafts_of(run).limit(DROPPED_AT_ONCE)).scalars()
                dropped = drop_drafts(connection, list(left))


def _drafts_of(run: Run) -> Select[str]:
    return select(invoices.c.invoice_id).where(
        invoices.c.period == run.period,
        invoices.c.run_id == run.run_id,
        invoices.c.status == InvoiceStatus.DRAFT.value,
    )


def _drop_draft_of(connection: Connection, run: Run, tenant_id: str) -> None:
    """Raises NOT_FOUND without a document of this run, CONFLICT once it is issued."""
    drafted = select(invoices.c.invoice_id).where(
        invoices.c.tenant_id == tenant_id, invoices.c.period == run.period, invoices.c.run_id == run.run_id
    )
    invoice_id = connection.execute(drafted).scalar_one_or_none()
    if invoice_id is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"run {run.run_id} has no draft for tenant {tenant_id}")
    if not drop_drafts(connection, [invoice_id]):
        raise BillingFailure(
            FailureCode.CONFLICT, f"the invoice of {tenant_id} for {run.period} is issued: correct it by a credit note"
        )
