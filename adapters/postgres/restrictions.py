"""Restrictions as rows: every change of a tenant's limits, of its standing and of the log is one transaction.

Whoever changes a tenant's limits holds its row of `restrictions`, so two causes at once follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, text, update

from activities.access_ports import Changes
from adapters.postgres.engine import transaction
from adapters.postgres.tables import restriction_limits, restriction_log, restrictions
from billing.access import (
    FULL,
    AccessChange,
    AccessStanding,
    Cause,
    LiftOrder,
    Limit,
    Restriction,
    RestrictionOrder,
    strictest,
)
from billing.failures import BillingFailure, FailureCode

# Raises nothing for a tenant that does not exist: then there is no row to lock either.
_BEGIN = text("""
    insert into restrictions (tenant_id) select tenant_id from tenants where tenant_id = :tenant
    on conflict do nothing
""")

_HELD = text("""
    select hold_id, reason from holds
    where effect = 'suspension' and released_at is null and meter is null
        and (tenant_id is null or tenant_id = :tenant)
    order by placed_at limit 1
""")

_STANDINGS = text("""
    select tenants.tenant_id, coalesce(restriction, 'none') as restriction, coalesce(rate_share, 1) as rate_share,
        cause, coalesce(reason, '') as reason, since, coalesce(revision, 0) as revision
    from tenants left join restrictions using (tenant_id)
    where tenants.tenant_id = any(cast(:tenants as text[]))
""")

# Transactions end in another order than they begin in: whatever was not over at the look before is looked at again.
_CHANGED = text("""
    select cast(cast(pg_snapshot_xmin(pg_current_snapshot()) as text) as bigint) as mark,
        array(select tenant_id from restriction_log where written_in >= cast(:mark as bigint)) as tenants
""")

_LIMITED = text("""
    select restrictions.tenant_id, restriction, rate_share, cause, reason, since, revision
    from restrictions
    where restriction <> 'none' and (cast(:cause as text) is null or exists (
        select from restriction_limits as one
        where one.tenant_id = restrictions.tenant_id and one.cause = cast(:cause as text)
    ))
    order by tenant_id
""")


class PostgresRestrictions:
    """Satisfies `Restrictions`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # One statement needs no transaction around it, and gateways wait for each way there and back.
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    def restrict(self, order: RestrictionOrder, now: datetime) -> AccessStanding:
        if order.restriction is Restriction.NONE:
            return self._change(order, None, now)
        wanted = Limit(
            cause=order.cause,
            restriction=order.restriction,
            rate_share=order.rate_share,
            reason=order.reason,
            since=now,
            case_id=order.case_id,
            by=order.by,
        )
        return self._change(order, wanted, now)

    def lift(self, order: LiftOrder, now: datetime) -> AccessStanding:
        return self._change(order, None, now)

    def carried_out(self, op_key: str) -> bool:
        with transaction(self._engine) as connection:
            return _carried_out(connection, op_key)

    def standing(self, tenant_id: str) -> AccessStanding:
        with transaction(self._engine) as connection:
            row = connection.execute(_STANDINGS, {"tenants": [tenant_id]}).one_or_none()
            if row is None:
                raise _unknown(tenant_id)
            return _standing(row, _limits(connection, [tenant_id]).get(tenant_id, ()))

    def standings(self, tenants: Sequence[str]) -> dict[str, AccessStanding]:
        with transaction(self._reading) as connection:
            rows = connection.execute(_STANDINGS, {"tenants": list(tenants)}).all()
        return {row.tenant_id: _standing(row) for row in rows}

    def changed_since(self, mark: int | None) -> Changes:
        with transaction(self._reading) as connection:
            look = connection.execute(_CHANGED, {"mark": mark}).one()
        return Changes(frozenset(look.tenants), look.mark)

    def history(self, tenant_id: str, count: int) -> tuple[AccessChange, ...]:
        newest = (
            select(*(restriction_log.c[name] for name in AccessChange.model_fields))
            .where(restriction_log.c.tenant_id == tenant_id)
            .order_by(restriction_log.c.log_id.desc())
            .limit(count)
        )
        with transaction(self._engine) as connection:
            return tuple(AccessChange.model_validate(dict(row)) for row in connection.execute(newest).mappings())

    def limited(self, cause: Cause | None = None) -> tuple[AccessStanding, ...]:
        with transaction(self._engine) as connection:
            rows = connection.execute(_LIMITED, {"cause": cause}).all()
            limits = _limits(connection, [row.tenant_id for row in rows])
        return tuple(_standing(row, limits.get(row.tenant_id, ())) for row in rows)

    def _change(self, order: RestrictionOrder | LiftOrder, wanted: Limit | None, now: datetime) -> AccessStanding:
        with transaction(self._engine) as connection:
            before = _locked(connection, order.tenant_id)
            if _carried_out(connection, order.op_key):
                return before
            in_force = next((limit for limit in before.limits if limit.cause is order.cause), None)
            if held := _held(connection, order, wanted, in_force):
                return before.model_copy(update={"held": held})
            _log(connection, order, wanted, now)
            if _same(wanted, in_force):
                return before
            if wanted and in_force and _service(wanted) == _service(in_force):
                wanted = wanted.model_copy(update={"since": in_force.since})
            return _written(connection, before, order.cause, wanted, now)


def _locked(connection: Connection, tenant_id: str) -> AccessStanding:
    connection.execute(_BEGIN, {"tenant": tenant_id})
    row = connection.execute(
        select(restrictions).where(restrictions.c.tenant_id == tenant_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise _unknown(tenant_id)
    return _standing(row, _limits(connection, [tenant_id]).get(tenant_id, ()))


def _carried_out(connection: Connection, op_key: str) -> bool:
    return (
        connection.execute(select(restriction_log.c.log_id).where(restriction_log.c.op_key == op_key)).first()
        is not None
    )


def _held(
    connection: Connection, order: RestrictionOrder | LiftOrder, wanted: Limit | None, in_force: Limit | None
) -> str | None:
    """The hold that keeps a runbook from limiting a tenant further; people who order it know of the hold, or place none."""
    eases = wanted is None or (in_force is not None and strictest([wanted, in_force]) is in_force)
    if eases or order.cause is Cause.OPERATOR:
        return None
    hold = connection.execute(_HELD, {"tenant": order.tenant_id}).one_or_none()
    return f"suspension is held by {hold.hold_id}: {hold.reason}" if hold else None


def _log(connection: Connection, order: RestrictionOrder | LiftOrder, wanted: Limit | None, now: datetime) -> None:
    row = {
        "op_key": order.op_key,
        "tenant_id": order.tenant_id,
        "cause": order.cause,
        "restriction": wanted.restriction if wanted else Restriction.NONE,
        "rate_share": wanted.rate_share if wanted else FULL,
        "reason": order.reason,
        "case_id": order.case_id,
        "by": order.by,
        "at": now,
    }
    connection.execute(insert(restriction_log).values(row))


def _written(
    connection: Connection, before: AccessStanding, cause: Cause, wanted: Limit | None, now: datetime
) -> AccessStanding:
    """The new limit of the cause, and the standing that follows from all of them."""
    of_cause = (restriction_limits.c.tenant_id == before.tenant_id, restriction_limits.c.cause == cause)
    connection.execute(delete(restriction_limits).where(*of_cause))
    if wanted:
        connection.execute(insert(restriction_limits).values(wanted.model_dump() | {"tenant_id": before.tenant_id}))
    others = [limit for limit in before.limits if limit.cause is not cause]
    limits = tuple(sorted([*others, wanted] if wanted else others, key=lambda limit: limit.cause))
    counts = strictest(limits)
    restriction, share = (counts.restriction, counts.rate_share) if counts else (Restriction.NONE, FULL)
    unchanged = (restriction, share) == (before.restriction, before.rate_share)
    after = {
        "restriction": restriction,
        "rate_share": share,
        "cause": counts.cause if counts else None,
        "reason": counts.reason if counts else "",
        "since": before.since if unchanged else now,
        "revision": before.revision + 1,
    }
    connection.execute(update(restrictions).where(restrictions.c.tenant_id == before.tenant_id).values(after))
    return before.model_copy(update={**after, "limits": limits})


def _limits(connection: Connection, tenant_ids: Sequence[str]) -> dict[str, tuple[Limit, ...]]:
    wanted = select(restriction_limits).where(restriction_limits.c.tenant_id.in_(tenant_ids))
    found: dict[str, tuple[Limit, ...]] = {}
    for row in connection.execute(wanted.order_by(restriction_limits.c.cause)).mappings():
        limit = Limit.model_validate({name: value for name, value in row.items() if name != "tenant_id"})
        found[row["tenant_id"]] = (*found.get(row["tenant_id"], ()), limit)
    return found


def _same(wanted: Limit | None, in_force: Limit | None) -> bool:
    if wanted is None or in_force is None:
        return wanted is in_force
    return (*_service(wanted), wanted.reason) == (*_service(in_force), in_force.reason)


def _service(limit: Limit) -> tuple[Restriction, Any]:
    return limit.restriction, limit.rate_share


def _standing(row: Row[Any], limits: tuple[Limit, ...] = ()) -> AccessStanding:
    return AccessStanding.model_validate({**row._asdict(), "limits": limits})


def _unknown(tenant_id: str) -> BillingFailure:
    return BillingFailure(FailureCode.NOT_FOUND, f"there is no tenant {tenant_id}: `runbooks customer list` shows them")
