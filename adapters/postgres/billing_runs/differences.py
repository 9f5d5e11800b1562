"""How the bills of two runs differ, by their digests: one comparison for all tenants."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, text

from adapters.postgres.billing_runs.register import Run
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.run_reports import Change, CurrencyChange, RunDiff

_COMPARED = """
    from (select * from run_entries where run_id = :here and outcome = 'rated') as here
    full join (select * from run_entries where run_id = :there and outcome = 'rated') as there using (tenant_id)
"""

_COUNTS = text(f"""
    select count(*) filter (where here.digest = there.digest) as same,
        count(*) filter (where there.run_id is null) as only_here,
        count(*) filter (where here.run_id is null) as only_there,
        count(*) filter (where here.digest <> there.digest) as different
    {_COMPARED}
""")

_TOTALS = text("""
    select currency, coalesce(sum(total_minor) filter (where run_id = :there), 0) as before_minor,
        coalesce(sum(total_minor) filter (where run_id = :here), 0) as after_minor
    from run_entries where run_id in (:here, :there) and outcome = 'rated'
    group by currency order by currency
""")

_CHANGES = text(f"""
    select tenant_id, there.currency as before_currency, there.total_minor as before_minor,
        here.currency as after_currency, here.total_minor as after_minor
    {_COMPARED}
    where here.digest is distinct from there.digest
    order by abs(coalesce(here.total_minor, 0) - coalesce(there.total_minor, 0)) desc, tenant_id limit :most
""")  # noqa: S608 - words of ours


def differences(connection: Connection, run: Run, other: Run) -> RunDiff:
    """How `run` differs from `other`; raises INVALID when they are of different periods."""
    if run.period != other.period:
        raise BillingFailure(
            FailureCode.INVALID,
            f"run {run.run_id} bills {run.period} and run {other.run_id} bills {other.period}: "
            "only runs of one period can be compared",
        )
    asked = {"here": run.run_id, "there": other.run_id}
    counts = connection.execute(_COUNTS, asked).one()
    changes = connection.execute(_CHANGES, asked | {"most": run.policy.listed_at_most})
    return RunDiff(
        run_id=run.run_id,
        against=other.run_id,
        **counts._mapping,
        totals=tuple(CurrencyChange(**row) for row in connection.execute(_TOTALS, asked).mappings()),
        changes=tuple(_change(row) for row in changes),
    )


def _change(row: Row[Any]) -> Change:
    return Change(
        tenant_id=row.tenant_id,
        before=_money(row.before_minor, row.before_currency),
        after=_money(row.after_minor, row.after_currency),
    )


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money(minor=minor, currency=currency)
