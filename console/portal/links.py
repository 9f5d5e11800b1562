"""Operators give a customer a link into the portal."""

from typing import Annotated

import structlog
from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from billing.failures import BillingFailure, FailureCode
from billing.tenants import TenantId
from console.desk import AtDesk
from console.errors import Refusal
from console.operators import MayInvite
from starters.portal_links import DEFAULT_DAYS, LONGEST_DAYS, address_of, new_link, seal_of

log = structlog.get_logger("console")

router = APIRouter(tags=["portal"])


class LinkWish(BaseModel):
    """Whose portal, and for how many days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: TenantId
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = DEFAULT_DAYS


class LinkMade(BaseModel):
    """The link; whoever has it sees this tenant's usage, bills and disputes until it expires."""

    tenant_id: str
    url: str
    expires_at: AwareDatetime


@router.post("/portal-links", status_code=201)
async def make_link(wish: LinkWish, desk: AtDesk, operator: MayInvite) -> LinkMade:
    """Make a link into a customer's portal. It is kept nowhere: give it to the customer, and make another when lost."""
    seal = seal_of(desk.settings)
    if seal is None or desk.settings.public_url is None:
        raise Refusal(404, "not_configured", "set RUNBOOKS_PORTAL_SECRET and RUNBOOKS_PUBLIC_URL to open the portal")
    if await run_in_threadpool(desk.books.tenants.find, wish.tenant_id) is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"tenant_id: {wish.tenant_id} is not a customer")
    token, link = new_link(seal, wish.tenant_id, desk.now(), days=wish.days)
    log.info(
        "portal link made",
        tenant_id=link.tenant_id,
        operator_id=operator.operator_id,
        expires_at=link.expires_at.isoformat(),
    )
    return LinkMade(tenant_id=link.tenant_id, url=address_of(desk.settings, token), expires_at=link.expires_at)
