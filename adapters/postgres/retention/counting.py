"""What a purge would delete as of a moment: counted in the database, nothing changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, text

from activities.ports import Heartbeat
from adapters.postgres.engine import transaction
from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.exports.reading import PATIENCE
from adapters.postgres.partitions import KEPT_IN_MONTHS
from billing.policy.retention import RULES, Fate
from billing.retention import PlanRow, PurgePlan, Spared

# Counting whole months takes longer than any ordinary statement.
_PATIENCE = text("select set_config('statement_timeout', :patience, true), set_config('jit', 'off', true)")

_WAITING = text("""
    select tenant_id from deletion_candidates
    where spared_at is null and deleted_at is null and since <= :as_of order by tenant_id
""")

# Why a tenant who waits stays for now, the gravest reason first; holds for everybody stand under the name of none.
_OBSTACLES = text("""
    select tenant_id, why from (
        select 1 as rank, tenant_id, 'deletion is held by ' || placed_by || ': ' || reason as why from holds
            where effect = 'deletion' and released_at is null
        union all
        select 2, tenant_id, 'whether ' || op_key || ' happened is not known' from effects
            where kind in ('credit', 'invoice_correction', 'payment') and state in ('sent', 'unknown')
        union all
        select 3, tenant_id, 'dispute ' || ticket_id || ' is open' from disputes where ending is null
        union all
        select 4, tenant_id, case_id || ' is open' from invoice_corrections where ending is null
        union all
        select 5, tenant_id, 'a draft of ' || period || ' is not issued yet' from invoices where status = 'draft'
    ) as obstacle
    where tenant_id = any(:tenants) or (rank = 1 and tenant_id is null)
    order by tenant_id nulls first, rank, why
""")

_COUNT = text("""
    select present.table_name, present.tenant_id, present.present from count_retention(:tenants) as present
    join retention_scope as scope using (table_name) order by present.tenant_id, scope.position
""")

_MONTHS = text("""
    select child.relname from pg_inherits join pg_class as child on child.oid = inhrelid
    where inhparent = any(cast(:parents as regclass[])) order by child.relname
""")
_A_MONTH = re.compile(r"_y(\d{4})m(\d{2})$")


class Present(NamedTuple):
    """How many rows of a table a tenant still has to go."""

    table: str
    tenant_id: str
    rows: int


@contextmanager
def patiently(engine: Engine, heartbeat: Heartbeat, doing: str) -> Iterator[tuple[Connection, Pulse]]:
    """A transaction whose statements may take minutes, with a sign of life meanwhile."""
    with Pulse(heartbeat) as pulse, transaction(engine) as connection:
        pulse.note(doing)
        connection.execute(_PATIENCE, {"patience": f"{PATIENCE.total_seconds():.0f}s"})
        yield connection, pulse


def plan(connection: Connection, pulse: Pulse, as_of: datetime, usage_before: datetime, policy: str) -> PurgePlan:
    """The plan as of a moment, in the order in which it would be carried out."""
    waiting = list(connection.execute(_WAITING, {"as_of": as_of}).scalars())
    stopped: dict[str | None, str] = {}
    for tenant_id, why in connection.execute(_OBSTACLES, {"tenants": waiting}):
        stopped.setdefault(tenant_id, why)
    everybody = stopped.pop(None, None)
    spared = {tenant: everybody or stopped[tenant] for tenant in waiting if everybody or tenant in stopped}
    going = [tenant for tenant in waiting if tenant not in spared]
    rows = [
        PlanRow(tenant_id=one.tenant_id, table=one.table, fate=RULES[one.table].fate, rows=one.rows)
        for one in present(connection, going)
    ]
    for month, kept in _months(connection, usage_before, everybody):
        pulse.note(f"counted {month}")
        if isinstance(kept, str):
            spared[month] = kept
        elif kept:
            rows.append(PlanRow(tenant_id=None, table=month, fate=Fate.DELETE, rows=kept))
    return PurgePlan(
        as_of=as_of,
        usage_before=usage_before,
        policy=policy,
        rows=tuple(rows),
        spared=tuple(Spared(subject=subject, why=why) for subject, why in sorted(spared.items())),
    )


def present(connection: Connection, tenants: Iterable[str]) -> list[Present]:
    """What is still there of these tenants, by tenant and in the order of the deletion."""
    return [Present(*row) for row in connection.execute(_COUNT, {"tenants": list(tenants)})]


def months_present(connection: Connection) -> set[str]:
    """The months of raw usage that there are, by the names of their tables."""
    return set(connection.execute(_MONTHS, {"parents": list(KEPT_IN_MONTHS)}).scalars())


def _months(connection: Connection, before: datetime, everybody: str | None) -> Iterator[tuple[str, int | str]]:
    """Each month that is over by `before`, with its rows or why it stays; an empty one is nobody's matter."""
    for month in sorted(months_present(connection)):
        end = _end_of(month)
        if end is None or end > before:
            continue
        held = everybody or _held_in(connection, month)
        yield month, held or connection.execute(text(f'select count(*) from "{month}"')).scalar_one()  # noqa: S608


def _held_in(connection: Connection, month: str) -> str | None:
    """Whose usage keeps the whole month: a legal hold on one of its tenants."""
    first = text(
        "select holds.tenant_id, placed_by, reason from holds "  # noqa: S608 - the catalogue's own name
        f"where effect = 'deletion' and released_at is null and exists (select from \"{month}\" as kept "
        "where kept.tenant_id = holds.tenant_id) order by placed_at limit 1"
    )
    held = connection.execute(first).one_or_none()
    return f"deletion of {held.tenant_id} is held by {held.placed_by}: {held.reason}" if held else None


def _end_of(month: str) -> datetime | None:
    """The UTC midnight at which a month's table ends; None for another table."""
    named = _A_MONTH.search(month)
    if named is None:
        return None
    year, number = int(named[1]), int(named[2])
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
