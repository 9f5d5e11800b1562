"""Cutting a month into ranges of tenants: for rating and finalising, and for the errands of issued documents.

Every range is cut and read in the database's own order of tenant ids, which its indexes have.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from adapters.postgres.billing_runs.register import BILL, Run
from billing.month_end import Shard, case_id
from billing.policy.month_end import Errand

# The document of a tenant's period is its first revision: later ones are corrections, which travel on their own.
_ISSUED = f"""
    invoices as invoice
    join effects as effect on effect.op_key = :case_id || '/invoice/' || {BILL}
    where invoice.period = :period and invoice.kind = 'usage' and invoice.revision = 1
        and invoice.status not in ('draft', 'void')
"""

_STILL_NEEDS = {
    Errand.PRINT: """
        and not exists (
            select from invoice_documents as document
            where document.invoice_id = invoice.invoice_id and document.kind = 'invoice'
        )
    """,
    Errand.PUSH: "and effect.state <> 'confirmed'",
    Errand.DELIVER: f"""
        and effect.state = 'confirmed' and not exists (
            select from effects as letter
            where letter.op_key = :case_id || '/delivery/' || {BILL} and letter.state = 'confirmed'
        )
    """,
}

_CUT = """
    select min(tenant_id) as first, max(tenant_id) as last from (
        select tenant_id, (row_number() over (order by tenant_id) - 1) / :size as range
        from ({tenants} order by tenant_id limit :most) as tenants
    ) as numbered
    group by range order by range
"""


def shards(connection: Connection, run: Run, after: str, count: int) -> tuple[Shard, ...]:
    """The next ranges of tenants that the run looks at."""
    tenants = f"select tenant.tenant_id from {run.tenants} and tenant.tenant_id > :after"  # noqa: S608 - words of ours
    return _cut(connection, tenants, run.parameters, run.policy.shard_size, after, count)


def documents(connection: Connection, run: Run, errand: Errand, after: str, count: int) -> tuple[Shard, ...]:
    """The next ranges of tenants whose document still needs the errand."""
    tenants = f"select invoice.tenant_id from {_needing(errand)} and invoice.tenant_id > :after"  # noqa: S608
    return _cut(connection, tenants, _case(run), run.policy.documents_a_batch, after, count)


def waiting(connection: Connection, run: Run, errand: Errand) -> int:
    """How many documents of the run's period still need the errand."""
    counted = text(f"select count(*) from {_needing(errand)}")  # noqa: S608
    return int(connection.execute(counted, _case(run)).scalar_one())


def _needing(errand: Errand) -> str:
    return _ISSUED + _STILL_NEEDS[errand]


def _case(run: Run) -> dict[str, object]:
    return {"period": run.period, "case_id": case_id(run.period)}


def _cut(
    connection: Connection, tenants: str, parameters: dict[str, object], size: int, after: str, count: int
) -> tuple[Shard, ...]:
    cut = text(_CUT.format(tenants=tenants))
    rows = connection.execute(cut, parameters | {"after": after, "size": size, "most": size * count})
    return tuple(Shard(first=row.first, last=row.last) for row in rows)
