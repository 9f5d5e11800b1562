"""Asking a person and waiting: reminders, the next role when nobody answers, and silence as a no.

Truth about approvals lives in Postgres. What arrives here only wakes the case; the database decides whether it counts.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.approvals import ApprovalQuestion, Approvals, Climb
from billing.authority import Role, next_role
from billing.cases import DecisionReceipt, PendingApproval, SignedDecision, Verdict
from billing.policy.disputes import ApprovalPolicy
from workflows.blocks.steps import RECORD, step
from workflows.blocks.waiting import wait_for, wait_until

Remind = Callable[[PendingApproval, int], None]
_NEVER_ASKED = "questions that were never asked"
_JUDGE = "judge the case, then another question is asked"
_PAST = {Verdict.APPROVE: "approved", Verdict.REJECT: "rejected"}


class ApprovalGate:
    """One open question at a time; answers are counted by the database and remembered here by approval."""

    def __init__(self, case_id: str) -> None:
        self._case_id = case_id
        self._asked: set[str] = set()
        self._answers: dict[str, SignedDecision] = {}
        # Answers to each question that are being checked or did not count; those to no question of ours share a count.
        self._in_vain: Counter[str] = Counter()
        self._being_checked = 0
        self.pending: PendingApproval | None = None
        self.next_reminder: datetime | None = None

    def refuse_strangers(self, decision: SignedDecision) -> None:
        """Reject, before history records anything, a decision that names no question of this case."""
        if not decision.approval_id.startswith(f"{self._case_id}/"):
            raise ApplicationError(f"{decision.approval_id} is not a question of {self._case_id}", type="not_found")

    def refuse_beyond(self, at_most: int, decision: SignedDecision, *, instead: str = _JUDGE) -> None:
        """Reject, before history records anything, further answers to a question once so many did not count: whoever
        writes straight into Temporal could grow a history without end. `instead` is what a person can do."""
        about = self._counted_under(decision)
        if self._in_vain[about] >= at_most:
            raise ApplicationError(
                f"{at_most} answers to {about} did not count, and no more are taken: {instead}",
                type="conflict",
            )

    async def take(self, decision: SignedDecision) -> DecisionReceipt:
        """Let the database judge a decision; only an accepted one moves the case."""
        counted_under = self._counted_under(decision)
        self._in_vain[counted_under] += 1
        self._being_checked += 1
        try:
            receipt = await step(
                Approvals.decide, decision, allowance=RECORD, summary=f"check the decision of {decision.operator_id}"
            )
        finally:
            self._being_checked -= 1
        if receipt.accepted and decision.approval_id not in self._answers:
            self._answers[decision.approval_id] = decision
            self._in_vain[counted_under] -= 1
        return receipt

    def _counted_under(self, decision: SignedDecision) -> str:
        return decision.approval_id if decision.approval_id in self._asked else _NEVER_ASKED

    async def walk(
        self,
        op_key: str,
        path: Sequence[Role],
        words: str,
        policy: ApprovalPolicy,
        remind: Remind,
        unless: Callable[[], bool],
    ) -> SignedDecision | None:
        """Ask everybody on a path, one after the other, in the same words. Returns the answer that settled it, the last
        yes or the first no; None when nobody answered in time. Look at `unless` first: it may have come true as well."""
        decision = None
        for position, role in enumerate(path, start=1):
            question = question_at(op_key, position, role, words, policy)
            decision = await self.answer(question, policy, remind, unless)
            if unless() or not approved(decision):
                break
        return decision

    async def answer(
        self, question: ApprovalQuestion, policy: ApprovalPolicy, remind: Remind, unless: Callable[[], bool]
    ) -> SignedDecision | None:
        """Ask and wait. Returns the accepted decision, or None when it expired or `unless` overtook it."""
        self.pending = await step(
            Approvals.ask, question, allowance=RECORD, summary=f"ask {question.role} for approval"
        )
        self._asked.add(self.pending.approval_id)
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
        self.next_reminder = _reminded_at(pending, policy, 1)
        if not settled():
            remind(pending, reminders)
        while not settled() and workflow.now() < pending.expires_at:
            if not await wait_until(self.next_reminder, settled, name=_label(pending, self.next_reminder)):
                break
            if workflow.now() >= climbs_at:
                pending = await self._climb(pending)
                climbs_at += policy.escalate_after
            reminders += 1
            # Before anything is told, so that what is shown with it looks ahead.
            self.next_reminder = _reminded_at(pending, policy, reminders + 1)
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


def question_at(op_key: str, position: int, role: Role, words: str, policy: ApprovalPolicy) -> ApprovalQuestion:
    """What is asked now at a position of a path, counted from 1; it expires as the policy says."""
    now = workflow.now()
    return ApprovalQuestion(
        op_key=op_key, position=position, role=role, question=words, asked_at=now, expires_at=now + policy.expire_after
    )


def approved(decision: SignedDecision | None) -> bool:
    """Whether a person said yes; silence is a no."""
    return decision is not None and decision.verdict is Verdict.APPROVE


def answered(decision: SignedDecision, receipt: DecisionReceipt) -> str:
    """What a story says about an answer: who approved or rejected, with the reason, or why it does not count."""
    deed = _PAST[decision.verdict] if receipt.accepted else f"may not {decision.verdict}: {receipt.message}"
    return f"{decision.operator_id} {deed}{f' ({decision.reason})' if decision.reason else ''}"


def _reminded_at(pending: PendingApproval, policy: ApprovalPolicy, number: int) -> datetime:
    """When reminder `number`, counted from 1, is due; in the end the question expires instead."""
    return min(pending.asked_at + number * policy.remind_every, pending.expires_at)


def _label(pending: PendingApproval, moment: datetime) -> str:
    if moment == pending.expires_at:
        of = f" of {pending.worth}" if pending.worth else ""
        return f"approval by {pending.role}{of} expires {moment:%a %d %b %H:%M} UTC"
    about = f" about {pending.worth}" if pending.worth else ""
    return f"remind {pending.role} to decide{about} at {moment:%a %d %b %H:%M} UTC"
