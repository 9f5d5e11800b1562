"""Which runs there are: opening one, finding it again, and whether it still works while a shard is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection, Row, Select, func, insert, select, text

from adapters.postgres.tables import billing_runs, tenants
from billing.failures import BillingFailure, FailureCode
from billing.month_end import BillingRun, RunOrder, RunState, not_over
from billing.periods import service_days, service_span
from billing.policy.month_end import MonthEndPolicy

# A month may not be opened twice at once, whoever asks.
_ONE_OPENING_AT_A_TIME = text("select pg_advisory_xact_lock(hashtextextended('billing_runs/' || :period, 0))")

# Whom a month end looks at: everybody; when only those left out are to be billed, tenants without a document of the period
# whom the newest run before this one did not find without anything to bill.
TENANTS = {
    False: "tenants as tenant where true",
    True: """
        tenants as tenant where not exists (
            select from invoices as invoice
            where invoice.tenant_id = tenant.tenant_id and invoice.period = :period and invoice.kind = 'usage'
                and invoice.revision = 1 and invoice.run_id is distinct from :run_id
        ) and not exists (
            select from run_entries as entry
            where entry.tenant_id = tenant.tenant_id and entry.outcome = 'nothing_to_bill' and entry.run_id = (
                select earlier.run_id from billing_runs as earlier
                where earlier.period = :period and not earlier.dry_run and earlier.sequence < :sequence
                order by earlier.sequence desc limit 1
            )
        )
    """,
}

# Which of a tenant's bills of a period a document `invoice` is, as effects and letters are named after it: its id behind
# `inv-2026-10-`, which is the tenant's id and for a bill after a void one a little more.
BILL = "substr(invoice.invoice_id, 13)"

# The whole key of documents with the range of a shard; without it the planner reads the month for each of its shards.
OF_SHARD = """
    invoice.period = :period and invoice.tenant_id between :first and :last and invoice.kind = 'usage'
        and invoice.revision = 1
"""


@dataclass(frozen=True)
class Run:
    """A row of `billing_runs`, as far as it never changes."""

    run_id: str
    period: str
    sequence: int
    dry_run: bool
    only_parked: bool
    requested_by: str
    policy_row: dict[str, object]
    started_at: datetime

    @cached_property
    def policy(self) -> MonthEndPolicy:
        """As it was in force when the run was opened."""
        return MonthEndPolicy.model_validate(self.policy_row)

    @property
    def tenants(self) -> str:
        """The tenants to look at, as the end of a FROM clause that another condition may follow; takes `parameters`."""
        return TENANTS[self.only_parked]

    @property
    def parameters(self) -> dict[str, object]:
        """What the statements of a run are asked with."""
        return {"run_id": self.run_id, "period": self.period, "sequence": self.sequence}


def open_run(
    connection: Connection, order: RunOrder, workflow_run_id: str, policy: MonthEndPolicy, now: datetime
) -> BillingRun:
    """The run of this workflow run, made when it is not there yet. Raises INVALID and CONFLICT as the port says."""
    connection.execute(_ONE_OPENING_AT_A_TIME, {"period": order.period})
    known = connection.execute(_runs().where(billing_runs.c.workflow_run_id == workflow_run_id)).one_or_none()
    if known is None:
        if refusal := not_over(order.period, policy.zone, now):
            raise BillingFailure(FailureCode.INVALID, refusal)
        _nobody_else_works(connection, order)
        known = _made(connection, order, workflow_run_id, policy, now)
    return _opened(connection, _run(known))


def find_run(connection: Connection, run_id: str) -> Run:
    """Raises NOT_FOUND."""
    row = connection.execute(_runs().where(billing_runs.c.run_id == run_id)).one_or_none()
    if row is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no run {run_id}")
    return _run(row)


def still_works(connection: Connection, run_id: str) -> None:
    """Keep the run from ending until the transaction does; CONFLICT when it is over.

    An attempt that was given up and wakes up late must not write into a run that somebody has cancelled.
    """
    state = connection.execute(
        select(billing_runs.c.state).where(billing_runs.c.run_id == run_id).with_for_update(read=True)
    ).scalar_one_or_none()
    if state != RunState.WORKING.value:
        raise BillingFailure(
            FailureCode.CONFLICT, f"run {run_id} is {state or 'not on record'} and bills nobody any more"
        )


def newest_run(connection: Connection, period: str, before: str | None = None) -> str | None:
    """The newest run of a period, dry runs too; or the newest before the run `before`."""
    newest = select(billing_runs.c.run_id).where(billing_runs.c.period == period)
    if before is not None:
        sequence = select(billing_runs.c.sequence).where(billing_runs.c.run_id == before).scalar_subquery()
        newest = newest.where(billing_runs.c.sequence < sequence)
    return connection.execute(newest.order_by(billing_runs.c.sequence.desc()).limit(1)).scalar_one_or_none()


def _runs() -> Select[tuple[object, ...]]:
    return select(
        billing_runs.c.run_id,
        billing_runs.c.period,
        billing_runs.c.sequence,
        billing_runs.c.dry_run,
        billing_runs.c.only_parked,
        billing_runs.c.requested_by,
        billing_runs.c.policy.label("policy_row"),
        billing_runs.c.started_at,
    )


def _run(row: Row[tuple[object, ...]]) -> Run:
    return Run(**row._asdict())


def _nobody_else_works(connection: Connection, order: RunOrder) -> None:
    if order.dry_run:
        return
    working = select(billing_runs.c.run_id, billing_runs.c.started_at).where(
        billing_runs.c.period == order.period,
        billing_runs.c.state == RunState.WORKING.value,
        billing_runs.c.dry_run.is_(False),
    )
    if other := connection.execute(working).one_or_none():
        raise BillingFailure(
            FailureCode.CONFLICT,
            f"period {order.period} is being billed by run {other.run_id} since {other.started_at:%d %b %H:%M} UTC: "
            "wait for it, cancel it, or give it up when its workflow is gone",
        )


def _made(
    connection: Connection, order: RunOrder, workflow_run_id: str, policy: MonthEndPolicy, now: datetime
) -> Row[tuple[object, ...]]:
    highest = select(func.coalesce(func.max(billing_runs.c.sequence), 0)).where(billing_runs.c.period == order.period)
    sequence = connection.execute(highest).scalar_one() + 1
    row = order.model_dump() | {
        "run_id": f"{order.period}#{sequence}",
        "sequence": sequence,
        "state": RunState.WORKING.value,
        "policy": policy.model_dump(mode="json"),
        "workflow_run_id": workflow_run_id,
        "started_at": now,
    }
    connection.execute(insert(billing_runs).values(row))
    return connection.execute(_runs().where(billing_runs.c.run_id == row["run_id"])).one()


def _opened(connection: Connection, run: Run) -> BillingRun:
    count = connection.execute(text(f"select count(*) from {run.tenants}"), run.parameters).scalar_one()  # noqa: S608
    calendars = connection.execute(select(tenants.c.zone, tenants.c.anchor_day).distinct()).all()
    days = [
        service_days(run.period, anchor_day) for anchor_day in {calendar.anchor_day for calendar in calendars} | {1}
    ]
    spans = [service_span(run.period, calendar.zone, calendar.anchor_day) for calendar in calendars]
    return BillingRun(
        run_id=run.run_id,
        order=RunOrder(
            period=run.period, dry_run=run.dry_run, only_parked=run.only_parked, requested_by=run.requested_by
        ),
        policy=run.policy,
        started_at=run.started_at,
        first=min(span.first for span in days),
        end=max(span.end for span in days),
        over_at=max((span.end for span in spans), default=run.started_at),
        tenants=count,
    )
