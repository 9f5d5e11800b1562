"""Limiting a customer's service by hand, and lifting that limit: on record with a reason, in force at once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from activities.access_ports import Restrictions
from billing.access import NOTHING, AccessStanding, Cause, LiftOrder, Restriction, RestrictionOrder
from billing.failures import BillingFailure, FailureCode
from starters.beginning import digits_of
from starters.card_numbers import without_card_numbers


class ByHand(StrEnum):
    """What a person may leave of a service; data is deleted by the purge alone, through its own gate."""

    RATE_LIMITED = "rate_limited"
    NEW_REQUESTS_BLOCKED = "new_requests_blocked"
    SUSPENDED = "suspended"


def limit(
    restrictions: Restrictions,
    tenant_id: str,
    restriction: Restriction,
    share: str | None,
    reason: str,
    *,
    by: str,
    now: datetime,
    request_id: str | None = None,
) -> AccessStanding:
    """Limit a tenant for the cause `operator`, in place of what an operator asked for before; `share` of the usual rate
    as it was typed, for a rate limit only. The same `request_id` again changes nothing.

    Raises ValidationError for a share that fits no rate limit, NOT_FOUND, and CONFLICT for an account that is deleted.
    """
    order = RestrictionOrder.model_validate(
        {
            "tenant_id": tenant_id,
            "cause": Cause.OPERATOR,
            "restriction": restriction,
            "rate_share": NOTHING if share is None else share,
            "reason": reason,
            "case_id": _case_id(tenant_id),
            "step": _step(now, by, request_id),
            "by": by,
        }
    )
    _refuse_deleted(restrictions, tenant_id)
    return restrictions.restrict(without_card_numbers(order), now)


def lift(
    restrictions: Restrictions, tenant_id: str, reason: str, *, by: str, now: datetime, request_id: str | None = None
) -> AccessStanding:
    """Lift what operators asked for; limits of other causes stay. Repeats and raises as `limit` does."""
    order = LiftOrder(
        tenant_id=tenant_id,
        cause=Cause.OPERATOR,
        reason=reason,
        case_id=_case_id(tenant_id),
        step=_step(now, by, request_id),
        by=by,
    )
    _refuse_deleted(restrictions, tenant_id)
    return restrictions.lift(without_card_numbers(order), now)


def _refuse_deleted(restrictions: Restrictions, tenant_id: str) -> None:
    """What people agreed to delete is gone, whatever gateways would be told."""
    if restrictions.standing(tenant_id).restriction is Restriction.DELETED:
        raise BillingFailure(
            FailureCode.CONFLICT, f"{tenant_id} is deleted: its service cannot be limited or given back"
        )


def _case_id(tenant_id: str) -> str:
    return f"operator/{tenant_id}"


def _step(now: datetime, by: str, request_id: str | None) -> str:
    """Every order of a person is one of its own, unless it is asked for again by its key."""
    return f"{now.isoformat() if request_id is None else 'k-' + digits_of(request_id, 24)}/{by}"
