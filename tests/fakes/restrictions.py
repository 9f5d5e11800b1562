"""Restrictions in memory, under the rules of the port: for tests that need no database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from activities.access_ports import Changes
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


class FakeRestrictions:
    """Satisfies `Restrictions` for the tenants it was given; `held` is the reason of a hold on suspension, if any."""

    def __init__(self, tenants: Collection[str]) -> None:
        self._standings = {tenant_id: AccessStanding(tenant_id=tenant_id) for tenant_id in tenants}
        self._log: dict[str, tuple[str, AccessChange]] = {}
        self.held: str | None = None

    def restrict(self, order: RestrictionOrder, now: datetime) -> AccessStanding:
        if order.restriction is Restriction.NONE:
            return self._change(order, None, now)
        limit = Limit(since=now, **order.model_dump(exclude={"tenant_id", "step"}))
        return self._change(order, limit, now)

    def lift(self, order: LiftOrder, now: datetime) -> AccessStanding:
        return self._change(order, None, now)

    def carried_out(self, op_key: str) -> bool:
        return op_key in self._log

    def standing(self, tenant_id: str) -> AccessStanding:
        if tenant_id not in self._standings:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no tenant {tenant_id}")
        return self._standings[tenant_id]

    def standings(self, tenants: Sequence[str]) -> dict[str, AccessStanding]:
        known = (self._standings[tenant_id] for tenant_id in tenants if tenant_id in self._standings)
        return {one.tenant_id: one.model_copy(update={"limits": ()}) for one in known}

    def changed_since(self, mark: int | None) -> Changes:
        log = list(self._log.values())
        tenants = frozenset(tenant_id for tenant_id, _ in log[mark:]) if mark is not None else frozenset[str]()
        return Changes(tenants, len(log))

    def history(self, tenant_id: str, count: int) -> tuple[AccessChange, ...]:
        newest = [change for of, change in reversed(self._log.values()) if of == tenant_id]
        return tuple(newest[:count])

    def limited(self, cause: Cause | None = None) -> tuple[AccessStanding, ...]:
        found = [one for one in self._standings.values() if one.restriction is not Restriction.NONE]
        wanted = [one for one in found if cause is None or any(limit.cause is cause for limit in one.limits)]
        return tuple(sorted(wanted, key=lambda one: one.tenant_id))

    def _change(self, order: RestrictionOrder | LiftOrder, wanted: Limit | None, now: datetime) -> AccessStanding:
        before = self.standing(order.tenant_id)
        if order.op_key in self._log:
            return before
        was = next((limit for limit in before.limits if limit.cause is order.cause), None)
        eases = wanted is None or (was is not None and strictest([wanted, was]) is was)
        if self.held and not eases and order.cause is not Cause.OPERATOR:
            return before.model_copy(update={"held": self.held})
        self._log[order.op_key] = (order.tenant_id, _logged(order, wanted, now))
        if _asks(wanted) == _asks(was):
            return before
        if wanted and was and _service(wanted) == _service(was):
            wanted = wanted.model_copy(update={"since": was.since})
        others = [limit for limit in before.limits if limit.cause is not order.cause]
        limits = sorted([*others, wanted] if wanted else others, key=lambda limit: limit.cause)
        after = self._standings[order.tenant_id] = _following(before, limits, now)
        return after


def _following(before: AccessStanding, limits: Sequence[Limit], now: datetime) -> AccessStanding:
    counts = strictest(limits)
    service = _service(counts) if counts else (Restriction.NONE, FULL)
    return AccessStanding(
        tenant_id=before.tenant_id,
        restriction=service[0],
        rate_share=service[1],
        cause=counts.cause if counts else None,
        reason=counts.reason if counts else "",
        since=before.since if service == (before.restriction, before.rate_share) else now,
        revision=before.revision + 1,
        limits=tuple(limits),
    )


def _logged(order: RestrictionOrder | LiftOrder, wanted: Limit | None, now: datetime) -> AccessChange:
    return AccessChange(
        at=now,
        by=order.by,
        cause=order.cause,
        restriction=wanted.restriction if wanted else Restriction.NONE,
        rate_share=wanted.rate_share if wanted else FULL,
        reason=order.reason,
        case_id=order.case_id,
    )


def _service(limit: Limit) -> tuple[Restriction, object]:
    return limit.restriction, limit.rate_share


def _asks(limit: Limit | None) -> tuple[object, ...] | None:
    return (*_service(limit), limit.reason) if limit else None
