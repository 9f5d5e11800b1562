"""What waits for a person, and the answers to it: each signed with the operator's token, each judged by the database."""

from typing import Annotated

import structlog
from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool

from billing.cases import DecisionReceipt, PendingApproval, Verdict
from billing.failures import BillingFailure, FailureCode
from billing.spelling import Spelled
from console.desk import AtDesk, Desk
from console.errors import Refusal
from console.operators import MayDecide, Signed, SignedIn
from console.wishes import DecisionWish, ReasonWish
from starters import decisions

log = structlog.get_logger("console")

router = APIRouter(tags=["approvals"])

# An id with slashes, as lists show it.
ApprovalId = Annotated[
    str,
    Spelled(r"[\x21-\x7e]{1,300}", "name the approval as GET /approvals lists it"),
    Path(examples=["dispute/T-1042/credit/r1.1/a1"]),
]


@router.get("/approvals")
def approvals(desk: AtDesk, operator: SignedIn) -> list[PendingApproval]:
    """Every open question, the oldest first."""
    return desk.books.approvals.pending()


@router.post("/approvals/{approval_id:path}/approve")
async def approve(approval_id: ApprovalId, wish: DecisionWish, desk: AtDesk, operator: MayDecide) -> DecisionReceipt:
    """Say yes. 409 with the reason when it does not count: too little authority, one's own request, expired, ..."""
    return await _answer(desk, approval_id, Verdict.APPROVE, wish.reason, operator)


@router.post("/approvals/{approval_id:path}/reject")
async def reject(approval_id: ApprovalId, wish: ReasonWish, desk: AtDesk, operator: MayDecide) -> DecisionReceipt:
    """Say no, and why; the case then waits for a judgement."""
    return await _answer(desk, approval_id, Verdict.REJECT, wish.reason, operator)


async def _answer(desk: Desk, approval_id: str, verdict: Verdict, reason: str, operator: Signed) -> DecisionReceipt:
    question = await run_in_threadpool(desk.books.approvals.find, approval_id)
    if question is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no approval {approval_id}: GET /approvals lists them")
    receipt = await decisions.answer(desk.temporal, question, verdict, reason, token=operator.token, now=desk.now())
    desk.metrics.decisions.labels(verdict, str(receipt.accepted).lower()).inc()
    log.info(
        "decision handed in",
        case_id=question.case_id,
        operator_id=operator.operator_id,
        verdict=verdict.value,
        accepted=receipt.accepted,
    )
    if not receipt.accepted:
        raise Refusal(409, "not_counted", receipt.message)
    return receipt
