"""Credits that wait for the next invoice (D8, B4), and what credit notes put into the customer's balance: applied to a
tenant's new document, the oldest first, up to its total. The provider applies the same by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text

from adapters.postgres.billing_runs.copying import copy_rows
from adapters.postgres.tables import tenants
from billing.month_end import Shard

_WAITING = text("""
    select credit.credit_id, credit.tenant_id, credit.currency,
        credit.balance_minor - coalesce(sum(used.amount_minor), 0) as left_minor
    from (
        select credit_id, tenant_id, currency, created_at, coalesce(
            balance_minor, case destination when 'next_invoice' then amount_minor else 0 end
        ) as balance_minor
        from credits where tenant_id between :first and :last
    ) as credit
    left join credit_applications as used on used.credit_id = credit.credit_id and used.handed_back_at is null
    group by credit.credit_id, credit.tenant_id, credit.currency, credit.created_at, credit.balance_minor
    having credit.balance_minor > coalesce(sum(used.amount_minor), 0)
    order by credit.created_at, credit.credit_id
""")

_COLUMNS = {"credit_id": "text", "invoice_id": "text", "amount_minor": "int8", "applied_at": "timestamptz"}


def tenants_in_credit(connection: Connection, shard: Shard) -> list[str]:
    """Whose next document something waits for."""
    return sorted({credit.tenant_id for credit in connection.execute(_WAITING, shard.model_dump())})


def apply_credits(connection: Connection, shard: Shard, drafts: Sequence[Row[Any]], now: datetime) -> dict[str, int]:
    """Use up what waits for the drafts' tenants; answers the minor units applied by invoice id."""
    waiting = connection.execute(_WAITING, shard.model_dump()).all()
    drafted = {(draft.tenant_id, draft.currency): draft for draft in drafts}
    concerned = sorted({credit.tenant_id for credit in waiting if (credit.tenant_id, credit.currency) in drafted})
    if not concerned:
        return {}
    # Another month end may be using the same credits: the tenants' rows let one go after the other, and then we look again.
    connection.execute(
        select(tenants.c.tenant_id)
        .where(tenants.c.tenant_id.in_(concerned))
        .order_by(tenants.c.tenant_id)
        .with_for_update(key_share=True)
    )
    uses = _uses(connection.execute(_WAITING, shard.model_dump()), drafted)
    copy_rows(connection, "credit_applications", _COLUMNS, [(*use, now) for use in uses])
    applied: defaultdict[str, int] = defaultdict(int)
    for _, invoice_id, minor in uses:
        applied[invoice_id] += minor
    return applied


def _uses(waiting: Iterable[Row[Any]], drafted: dict[tuple[str, str], Row[Any]]) -> list[tuple[str, str, int]]:
    """Which credit pays how much of which draft; a draft at or below zero takes nothing."""
    left = {key: draft.total_minor for key, draft in drafted.items()}
    uses = []
    for credit in waiting:
        key = (credit.tenant_id, credit.currency)
        minor = min(int(credit.left_minor), left.get(key, 0))
        if minor > 0:
            left[key] -= minor
            uses.append((credit.credit_id, drafted[key].invoice_id, minor))
    return uses
