"""Month ends over HTTP: start one, look at it, steer it, compare two. Who speaks is who signed in."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel

from billing.failures import BillingFailure, FailureCode
from billing.month_end import Instruction, Parking, RunOrder, RunStory, workflow_id
from billing.run_reports import RunDiff, RunReport
from billing.spelling import Spelled
from billing.tenants import TenantId
from console.cases import Told
from console.desk import AtDesk
from console.operators import MayRunMonthEnd, Signed, SignedIn
from console.wishes import ReasonWish, RunWish
from starters import month_end

router = APIRouter(prefix="/month-ends", tags=["month end"])

Period = Annotated[
    str,
    Spelled(r"[12][0-9]{3}-(0[1-9]|1[0-2])", "write the month as yyyy-mm, for example 2026-10"),
    Path(examples=["2026-10"]),
]
RunId = Annotated[
    str, Spelled(r"[12][0-9]{3}-(0[1-9]|1[0-2])#[1-9][0-9]{0,8}", "name the run as reports do: 2026-10#1")
]
DryRun = Annotated[bool, Query(description="the dry run of the period")]
# The same key again returns the first answer instead of doing it again.
Key = Annotated[str, Spelled(r"[\x21-\x7e]{1,100}", "write 1 to 100 visible ASCII characters without spaces")]
RequestId = Annotated[Key | None, Header(alias="Idempotency-Key")]


class Begun(BaseModel):
    """The case of a period's run, followed at `GET /month-ends/{period}`."""

    case_id: str


@router.post("/{period}/runs", status_code=202)
async def start(period: Period, wish: RunWish, desk: AtDesk, operator: MayRunMonthEnd) -> Begun:
    """Begin a run. 409 while one of the period is under way, 422 for a period that is not over."""
    order = RunOrder(
        period=period, dry_run=wish.dry_run, only_parked=wish.only_parked, requested_by=operator.operator_id
    )
    settings = desk.settings
    handle = await month_end.start(
        desk.temporal, order, task_queue=settings.task_queue, zone=settings.zone, now=desk.now()
    )
    if not handle.started:
        raise BillingFailure(FailureCode.CONFLICT, f"{handle.case_id} is under way already: look at it or cancel it")
    return Begun(case_id=handle.case_id)


@router.get("/{period}")
async def show(period: Period, desk: AtDesk, operator: SignedIn, dry_run: DryRun = False) -> RunStory:
    """Stage, progress, what it waits for and its story, as of the run's last step."""
    return await month_end.story(desk.temporal, workflow_id(period, dry_run=dry_run))


@router.get("/{period}/report")
async def report(period: Period, desk: AtDesk, operator: SignedIn, run: RunId | None = None) -> RunReport:
    """What a run came to, by default the newest: outcomes, totals, flags, who was left out."""
    return await month_end.report(desk.books.runs, period, run)


@router.get("/{period}/diff")
async def diff(
    period: Period, desk: AtDesk, operator: SignedIn, run: RunId | None = None, against: RunId | None = None
) -> RunDiff:
    """How two runs of the period differ, by default the newest and the one before it."""
    return await month_end.diff(desk.books.runs, period, run, against)


@router.post("/{period}/pause")
async def pause(
    period: Period,
    wish: ReasonWish,
    desk: AtDesk,
    operator: MayRunMonthEnd,
    dry_run: DryRun = False,
    request_id: RequestId = None,
) -> Told:
    """Let the run finish what is under way, and nothing more until it is resumed."""
    case, order = _said(period, wish, operator, dry_run)
    return Told(case_id=case, message=await month_end.pause(desk.temporal, case, order, request_id=request_id))


@router.post("/{period}/resume")
async def resume(
    period: Period,
    wish: ReasonWish,
    desk: AtDesk,
    operator: MayRunMonthEnd,
    dry_run: DryRun = False,
    request_id: RequestId = None,
) -> Told:
    """Let a paused run go on."""
    case, order = _said(period, wish, operator, dry_run)
    return Told(case_id=case, message=await month_end.resume(desk.temporal, case, order, request_id=request_id))


@router.post("/{period}/cancel")
async def cancel(
    period: Period,
    wish: ReasonWish,
    desk: AtDesk,
    operator: MayRunMonthEnd,
    dry_run: DryRun = False,
    request_id: RequestId = None,
) -> Told:
    """Give the run up before anything is issued; its drafts are removed."""
    case, order = _said(period, wish, operator, dry_run)
    return Told(case_id=case, message=await month_end.cancel(desk.temporal, case, order, request_id=request_id))


@router.post("/{period}/try-again")
async def try_again(
    period: Period,
    wish: ReasonWish,
    desk: AtDesk,
    operator: MayRunMonthEnd,
    dry_run: DryRun = False,
    request_id: RequestId = None,
) -> Told:
    """Let the run go on that handed something over, once its cause is repaired."""
    case, order = _said(period, wish, operator, dry_run)
    return Told(case_id=case, message=await month_end.try_again(desk.temporal, case, order, request_id=request_id))


@router.post("/{period}/tenants/{tenant_id}/park")
async def park(
    period: Period,
    tenant_id: TenantId,
    wish: ReasonWish,
    desk: AtDesk,
    operator: MayRunMonthEnd,
    request_id: RequestId = None,
) -> Told:
    """Take a doubtful draft out of the run before it is issued."""
    case = workflow_id(period, dry_run=False)
    parking = Parking(tenant_id=tenant_id, reason=wish.reason, by=operator.operator_id)
    return Told(case_id=case, message=await month_end.park(desk.temporal, case, parking, request_id=request_id))


def _said(period: str, wish: ReasonWish, operator: Signed, dry_run: bool) -> tuple[str, Instruction]:
    order = Instruction(by=operator.operator_id, reason=wish.reason)
    return workflow_id(period, dry_run=dry_run), order
