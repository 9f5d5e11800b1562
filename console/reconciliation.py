"""Reconciliation over HTTP: compare a month with the payment provider, read what differs, decide about duplicates."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from starlette.concurrency import run_in_threadpool

from activities.reconciliation_ports import ReconciliationRow
from billing.reconciling import DuplicatesDecision
from billing.spelling import Spelled
from console.cases import Told
from console.desk import AtDesk
from console.month_end import Key, RequestId
from console.operators import MayReconcile, MayVoidDuplicates, SignedIn
from console.wishes import PeriodWish, ReasonWish
from starters import reconciliation
from starters.reconciliation import ReconciliationHandle, ReconciliationPage

router = APIRouter(prefix="/billing", tags=["reconciliation"])

Name = Annotated[
    str,
    Spelled(r"[12][0-9]{3}-(0[1-9]|1[0-2])/[a-z0-9][a-z0-9-]{0,62}", "name it as lists do: 2026-10/2026-11-21"),
    Path(examples=["2026-10/2026-11-21"]),
]
Period = Annotated[
    str, Spelled(r"[12][0-9]{3}-(0[1-9]|1[0-2])", "write the month as yyyy-mm, for example 2026-10"), Query()
]


@router.post("/reconcile", status_code=202)
async def reconcile(
    wish: PeriodWish, desk: AtDesk, operator: MayReconcile, key: Annotated[Key, Header(alias="Idempotency-Key")]
) -> ReconciliationHandle:
    """Compare a month's documents with the provider's invoices (P5). The same key again gets the same answer; 409 when it
    stands for another period, 422 for a period that is not over."""
    return await reconciliation.start(
        desk.temporal,
        desk.books.reconciliations,
        wish.period,
        key,
        by=operator.operator_id,
        task_queue=desk.settings.task_queue,
        zone=desk.settings.zone,
        now=desk.now(),
    )


@router.get("/reconciliations")
async def newest(
    desk: AtDesk,
    operator: SignedIn,
    period: Period | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 20,
) -> list[ReconciliationRow]:
    """Those on record, the newest first; `report` is null while one is under way."""
    return list(await run_in_threadpool(desk.books.reconciliations.newest, period, limit))


@router.get("/reconciliations/{name:path}")
async def show(
    name: Name,
    desk: AtDesk,
    operator: SignedIn,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
) -> ReconciliationPage:
    """One with its differences, the gravest first; `after` skips so many."""
    return await reconciliation.page(desk.books.reconciliations, name, after, limit)


@router.post("/reconciliations/{name:path}/void-duplicates")
async def void_duplicates(
    name: Name, wish: ReasonWish, desk: AtDesk, operator: MayVoidDuplicates, request_id: RequestId = None
) -> Told:
    """Have the duplicates voided that it found; the first of each is kept."""
    decision = DuplicatesDecision(by=operator.operator_id, reason=wish.reason)
    message = await reconciliation.void_duplicates(desk.temporal, name, decision, request_id=request_id)
    return Told(case_id=f"reconciliation/{name}", message=message)


@router.post("/reconciliations/{name:path}/leave-duplicates")
async def leave_duplicates(
    name: Name, wish: ReasonWish, desk: AtDesk, operator: MayVoidDuplicates, request_id: RequestId = None
) -> Told:
    """Leave the duplicates as they are."""
    decision = DuplicatesDecision(by=operator.operator_id, reason=wish.reason)
    message = await reconciliation.leave_duplicates(desk.temporal, name, decision, request_id=request_id)
    return Told(case_id=f"reconciliation/{name}", message=message)
