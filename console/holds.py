"""Holds over HTTP: stop one kind of effect, look at what is stopped, let it happen again."""

from typing import Annotated

from fastapi import APIRouter, Path

from billing.failures import BillingFailure, FailureCode
from billing.holds import HeldEffect, Hold, HoldOrder, objection_to_covering
from billing.spelling import Spelled
from console.desk import AtDesk
from console.operators import MayHold, SignedIn
from console.wishes import HoldWish, ReasonWish
from starters import holds

router = APIRouter(prefix="/holds", tags=["holds"])

HoldId = Annotated[str, Spelled(r"hold-[0-9]{1,12}", "name the hold as GET /holds lists it"), Path(examples=["hold-3"])]


@router.get("")
def list_holds(desk: AtDesk, operator: SignedIn, effect: HeldEffect | None = None) -> list[Hold]:
    """Every hold in force, the oldest first."""
    return list(desk.books.holds.in_force(effect))


@router.post("", status_code=201)
async def place(wish: HoldWish, desk: AtDesk, operator: MayHold) -> Hold:
    """Stop an effect for everybody, a tenant or a meter; the same hold again is the one that is there."""
    if why := objection_to_covering(wish.effect, wish.tenant_id, wish.meter):
        raise BillingFailure(FailureCode.INVALID, why)
    order = HoldOrder(
        effect=wish.effect, tenant_id=wish.tenant_id, meter=wish.meter, reason=wish.reason, by=operator.operator_id
    )
    return await holds.place(desk.temporal, desk.books.holds, order, desk.now())


@router.post("/{hold_id}/release")
async def release(hold_id: HoldId, wish: ReasonWish, desk: AtDesk, operator: MayHold) -> Hold:
    """Let the effect happen again; whatever waits for it goes on."""
    return await holds.release(desk.temporal, desk.books.holds, hold_id, operator.operator_id, wish.reason, desk.now())
