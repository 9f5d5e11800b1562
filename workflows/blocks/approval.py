"""Asking a person and waiting: reminders, the next role when nobody answers, and silence as a no.

Truth about approvals lives in Postgres. What arrives here only wakes the case; the database decides whether it counts.
"""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.approvals import ApprovalQuestion, Approvals, Climb
from billing.authority import next_role
from billing.cases import DecisionReceipt, PendingApproval, SignedDecision, Verdict
from billing.policy.disputes import ApprovalPolicy
from workflows.blocks.steps import RECORD, step
from workflows.blocks.waiting import wait_for, wait_until

Remind = Callable[[PendingApproval, int], None]


class ApprovalGate:
    """One open question at a time; answers are counted by the database and remembered here by approval."""

    def __init__(self, case_id: str) -> None:
        self._case_id = case_id
        self._answers: dict[str, SignedDecision] = {}
        self._being_checked = 0
        self.pending: PendingApproval | None = None
        self.next_reminder: datetime | None = None

    def refuse_strangers(self, decision: SignedDecision) -> None:
        """Reject, before history records anything, a decision that names no question of this case."""
        if not decision.approval_id.startswith(f"{self._case_id}/"):
            raise ApplicationError(f"{decision.approval_id} is not a question of {self._case_id}", type="not_found")

    async def take(self, decision: SignedDecision) -> DecisionReceipt:
        """Let the database judge a decision; only an accepted one moves the case."""
        self._being_checked += 1
        try:
            receipt = await step(
                Approvals.decide, decision, allowance=RECORD, summary=f"check the decision of {decision.operator_id}"
            )
        finally:
            self._being_checked -= 1
        if receipt.accepted:
            self._answers[decision.approval_id] = decision
        return receipt

    async def answer(
        self, question: ApprovalQuestion, policy: ApprovalPolicy, remind: Remind, unless: Callable[[], bool]
    ) -> SignedDecision | None:
        """Ask and wait. Returns the accepted decision, or None when it expired or `unless` overtook it."""
        self.pending = await step(
            Approvals.ask, question, allowance=RECORD, summary=f"ask {question.role} for approval"
        )
        try:
            return await self._wait(self.pending, policy, remind, unless)
        finally:
            self.pending = None
            self.next_reminder = None

    async def _wait(
        self, pending: PendingApproval, policy: ApprovalPolicy, remind: Remind, unless: Callable[[], bool]
    ) -> SignedDecision | None:
        def settled() -> bool:
            return pending.approval_id in self._answers or unless()

        climbs_at = pending.asked_at + policy.escalate_after
        reminders = 0
        remind(pending, reminders)
        while not settled() and workflow.now() < pending.expires_at:
            remind_at = pending.asked_at + (reminders + 1) * policy.remind_every
            self.next_reminder = min(remind_at, pending.expires_at)
            if not await wait_until(self.next_reminder, settled, name=_label(pending, self.next_reminder)):
                break
            if workflow.now() >= climbs_at:
                pending = await self._climb(pending)
                climbs_at += policy.escalate_after
            reminders += 1
            if workflow.now() < pending.expires_at:
                remind(pending, reminders)
        if not settled():
            await step(Approvals.expire, pending.approval_id, allowance=RECORD, summary="nobody answered in time")
            # The database may have counted an answer just before; whoever gave it was told so.
            await wait_for(lambda: not self._being_checked)
        return self._answers.get(pending.approval_id)

    async def _climb(self, pending: PendingApproval) -> PendingApproval:
        higher = next_role(pending.role)
        if higher is None:
            return pending
        await step(
            Approvals.climb,
            Climb(approval_id=pending.approval_id, role=higher),
            allowance=RECORD,
            summary=f"hand the question over to {higher}",
        )
        self.pending = pending.model_copy(update={"role": higher})
        return self.pending


def approved(decision: SignedDecision | None) -> bool:
    """Whether a person said yes; silence is a no."""
    return decision is not None and decision.verdict is Verdict.APPROVE


def _label(pending: PendingApproval, moment: datetime) -> str:
    if moment == pending.expires_at:
        return f"approval by {pending.role} of {pending.worth} expires {moment:%a %d %b %H:%M} UTC"
    return f"remind {pending.role} to decide about {pending.worth} at {moment:%a %d %b %H:%M} UTC"
