"""Who is told of usage, each once, and the caps that people set: rows that are only ever added."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, select, text, tuple_, update

from adapters.postgres.engine import transaction
from adapters.postgres.tables import meters, tenants, usage_alerts, usage_caps
from billing.failures import BillingFailure, FailureCode
from billing.overage import CapOrder, UsageAlert, covered_by_another

_IDENTITY = (
    usage_alerts.c.tenant_id,
    usage_alerts.c.kind,
    usage_alerts.c.meter,
    usage_alerts.c.period,
    usage_alerts.c.mark,
)
# In one order, so that two checks at once never wait for each other.
_ADD = text("""
    insert into usage_alerts (tenant_id, kind, meter, period, mark, facts, found_at)
    select tenant_id, kind, meter, period, mark, facts, :now
    from jsonb_to_recordset(cast(:alerts as jsonb))
        as alert(tenant_id text, kind text, meter text, period date, mark text, facts jsonb)
    order by tenant_id, kind, meter, period, mark
    on conflict do nothing
    returning alert_id, tenant_id, kind, meter, period, mark
""")

_NEWEST_CAPS = text("""
    select distinct on (meter) tenant_id, meter, cap, as_contracted, reason, by from usage_caps
    where tenant_id = :tenant order by meter, cap_id desc
""")


class PostgresUsageRegister:
    """Satisfies `UsageRegister`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, alerts: Sequence[UsageAlert], now: datetime) -> int:
        by_key = {_key(alert): alert for alert in alerts}
        rows = json.dumps([_row(alert) for alert in by_key.values()])
        with transaction(self._engine) as connection:
            added = connection.execute(_ADD, {"alerts": rows, "now": now}).all()
            ids = {by_key[tuple(row[1:])]: row.alert_id for row in added}
            covered = [ids[alert] for alert in covered_by_another(list(ids))]
            connection.execute(update(usage_alerts).where(usage_alerts.c.alert_id.in_(covered)).values(told_at=now))
        return len(added) - len(covered)

    def untold(self, count: int) -> tuple[UsageAlert, ...]:
        wanted = select(usage_alerts.c.facts).where(usage_alerts.c.told_at.is_(None)).order_by(usage_alerts.c.alert_id)
        with transaction(self._engine) as connection:
            return tuple(
                UsageAlert.model_validate(facts) for facts in connection.execute(wanted.limit(count)).scalars()
            )

    def told(self, alert: UsageAlert, now: datetime) -> None:
        with transaction(self._engine) as connection:
            connection.execute(
                update(usage_alerts)
                .where(tuple_(*_IDENTITY) == tuple_(*_key(alert)), usage_alerts.c.told_at.is_(None))
                .values(told_at=now)
            )

    def cap(self, order: CapOrder, now: datetime) -> None:
        with transaction(self._engine) as connection:
            for word, wanted, column in (
                ("tenant", order.tenant_id, tenants.c.tenant_id),
                ("meter", order.meter, meters.c.meter),
            ):
                if connection.execute(select(column).where(column == wanted)).first() is None:
                    raise BillingFailure(FailureCode.NOT_FOUND, f"there is no {word} {wanted} to cap")
            connection.execute(insert(usage_caps).values(order.model_dump() | {"at": now}))

    def caps(self, tenant_id: str) -> tuple[CapOrder, ...]:
        with transaction(self._engine) as connection:
            rows = connection.execute(_NEWEST_CAPS, {"tenant": tenant_id}).mappings()
            return tuple(CapOrder.model_validate(dict(row)) for row in rows)


def _key(alert: UsageAlert) -> tuple[Any, ...]:
    return alert.tenant_id, alert.kind.value, alert.meter, alert.period, alert.mark


def _row(alert: UsageAlert) -> dict[str, Any]:
    facts = alert.model_dump(mode="json")
    return {name: facts[name] for name in ("tenant_id", "kind", "meter", "period", "mark")} | {"facts": facts}
