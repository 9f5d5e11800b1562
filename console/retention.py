"""Retention over HTTP: plan what may be deleted for good, read a plan, confirm it by its hash, fetch the certificate (P9)."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from billing.month_end import Instruction
from billing.retention import Confirmation, PlanOnRecord
from billing.spelling import Spelled
from console.cases import Told
from console.desk import AtDesk
from console.month_end import Key, RequestId
from console.operators import MayConfirmPurge, MayPlanPurge, MayRepair, SignedIn
from console.wishes import ConfirmationWish, ReasonWish
from starters import retention

router = APIRouter(prefix="/retention", tags=["retention"])

Plan = Annotated[
    str,
    Spelled(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-[a-z0-9]{1,20})?", "name it as lists do: 2026-11-23"),
    Path(examples=["2026-11-23"]),
]


class PlanBegun(BaseModel):
    """The plan that a key stands for on this day, and the case that makes it."""

    plan_id: str
    case_id: str


@router.post("/plans", status_code=202)
async def plan(desk: AtDesk, operator: MayPlanPurge, key: Annotated[Key, Header(alias="Idempotency-Key")]) -> PlanBegun:
    """Make a plan of what is past its time. A dry run: nothing is deleted. The same key again on the same day (UTC) is the
    same plan."""
    order = retention.order_of(operator.operator_id, desk.now(), key)
    await retention.start(desk.temporal, order, task_queue=desk.settings.task_queue)
    return PlanBegun(plan_id=order.plan_id, case_id=order.case_id)


@router.get("/plans")
async def newest(
    desk: AtDesk, operator: SignedIn, limit: Annotated[int, Query(ge=1, le=1_000)] = 20
) -> list[PlanOnRecord]:
    """Plans on record, the newest first; `ending` is null while one waits or is carried out."""
    return list(await run_in_threadpool(desk.books.retention.newest, limit))


@router.get("/plans/{plan_id}")
async def show(plan_id: Plan, desk: AtDesk, operator: SignedIn) -> PlanOnRecord:
    """One plan: rows by customer and table, its hash, what stays and why, and the certificate once there is one."""
    return await run_in_threadpool(desk.books.retention.get, plan_id)


@router.get(
    "/plans/{plan_id}/certificate",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "the certificate of the deletion"}},
)
def certificate(plan_id: Plan, desk: AtDesk, operator: SignedIn) -> Response:
    """The certificate as PDF; 404 while there is none."""
    content = desk.books.retention.document(plan_id)
    headers = {"Content-Disposition": f'inline; filename="certificate-of-deletion-{plan_id}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.post("/plans/{plan_id}/confirm")
async def confirm(
    plan_id: Plan, wish: ConfirmationWish, desk: AtDesk, operator: MayConfirmPurge, request_id: RequestId = None
) -> Told:
    """Confirm the plan of this hash with the word CONFIRM; another person is then asked to approve it. 422 for another
    hash or word, 409 when nothing is to be confirmed."""
    confirmation = Confirmation(by=operator.operator_id, plan_sha256=wish.plan_sha256, word=wish.word)
    message = await retention.confirm(desk.temporal, plan_id, confirmation, request_id=request_id)
    return Told(case_id=f"retention/{plan_id}", message=message)


@router.post("/plans/{plan_id}/try-again")
async def try_again(
    plan_id: Plan, wish: ReasonWish, desk: AtDesk, operator: MayRepair, request_id: RequestId = None
) -> Told:
    """The cause of what was handed over is repaired."""
    order = Instruction(by=operator.operator_id, reason=wish.reason)
    message = await retention.try_again(desk.temporal, plan_id, order, request_id=request_id)
    return Told(case_id=f"retention/{plan_id}", message=message)
