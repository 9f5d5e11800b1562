"""Limits by hand over HTTP, for operators; what gateways ask is in `console.access`."""

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from billing.access import AccessStanding, Restriction
from billing.tenants import TenantId
from console.desk import AtDesk
from console.errors import Refusal, field_errors
from console.month_end import RequestId
from console.operators import MayLimit
from console.wishes import LimitWish, ReasonWish
from starters import access

router = APIRouter(prefix="/access", tags=["access"])


@router.post("/{tenant_id}/limit")
async def limit(
    tenant_id: TenantId, wish: LimitWish, desk: AtDesk, operator: MayLimit, request_id: RequestId = None
) -> AccessStanding:
    """Limit a customer's service by hand, until it is lifted by hand; beside what delinquency and overage ask for, the
    strictest counts. The same Idempotency-Key again changes nothing."""

    def limited() -> AccessStanding:
        return access.limit(
            desk.books.restrictions,
            tenant_id,
            Restriction(wish.to),
            wish.rate_share,
            wish.reason,
            by=operator.operator_id,
            now=desk.now(),
            request_id=request_id,
        )

    try:
        return await run_in_threadpool(limited)
    except ValidationError as error:
        raise Refusal(422, "invalid", "some fields cannot be accepted", fields=field_errors(error.errors())) from None


@router.post("/{tenant_id}/lift")
async def lift(
    tenant_id: TenantId, wish: ReasonWish, desk: AtDesk, operator: MayLimit, request_id: RequestId = None
) -> AccessStanding:
    """Lift what was limited by hand; what delinquency and overage ask for stays. The same Idempotency-Key again changes
    nothing."""

    def lifted() -> AccessStanding:
        return access.lift(
            desk.books.restrictions,
            tenant_id,
            wish.reason,
            by=operator.operator_id,
            now=desk.now(),
            request_id=request_id,
        )

    return await run_in_threadpool(lifted)
