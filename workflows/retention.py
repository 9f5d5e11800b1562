"""Delete for good what may go: plan it, have two people look at exactly that plan, carry it out, count again.

    plan ─ confirm ─ approve ─ plan again ─ delete ─ count again ─┬─► deleted
      │       │         │          │                              └─► deleted in part: held, or more came
      │       │         │          └─► the plan drifted
      │       │         └─► rejected
      │       └─► not confirmed
      └─► nothing to delete

The endings are `billing.retention.Ending`. A plan is a dry run: until it is approved nothing is changed, and what is
carried out is that plan or nothing (P9).
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.letters import Notice
from activities.retention import ClosingPurge, PurgeStep, Retention
from billing import retention_letters as letters
from billing.authority import Role
from billing.cases import PendingApproval
from billing.emails import Payload
from billing.failures import FailureCode
from billing.retention import Certified, Confirmation, Ending, Progress, Purge, PurgeOrder, Stage
from billing.wording import counted
from workflows.blocks.approval import approved
from workflows.blocks.steps import BULK, RECORD, code_of, step, words_of
from workflows.blocks.waiting import wait_for, wait_until
from workflows.retention_desk import RetentionDesk

Done = TypeVar("Done")

# Who hears that a plan waits, and who repairs what cannot go on.
_LOOKS, _REPAIRS = Role.FINANCE, Role.ENGINEERING


class EndedError(Exception):
    """The purge ends here, with why in words."""

    def __init__(self, ending: Ending, why: str) -> None:
        super().__init__(why)
        self.ending, self.why = ending, why


@workflow.defn(name="retention")
class RetentionPurge(RetentionDesk):
    """One plan and what became of it: workflow id `retention/<plan>`."""

    @workflow.init
    def __init__(self, order: PurgeOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: PurgeOrder) -> Ending:
        self.labels.show(runbook="retention")
        try:
            await self._plan()
            confirmation = await self._confirmed()
            await self._agreed(confirmation)
            await self._begin()
            await self._delete()
            certified = await self._certify()
        except EndedError as early:
            return await self._end(early.ending, early.why)
        return await self._end(Ending.IN_PART if certified.left else Ending.DELETED, certified.in_words)

    async def _plan(self) -> None:
        self.opened = await self.with_help(
            lambda: step(Retention.plan, self.order, allowance=BULK, summary="count what would go")
        )
        plan = self.opened.plan
        stays = f"; {counted(plan.spared, 'other')} could go and stay for now" if plan.spared else ""
        self.note(f"plan: {plan.in_words}{stays}")
        if not plan.total:
            raise EndedError(Ending.NOTHING, "nobody and nothing is past its time")

    async def _confirmed(self) -> Confirmation:
        """Wait until a person has confirmed the plan's hash; raises EndedError when nobody did."""
        policy = self.purge.policy
        asked_at = workflow.now()
        self.confirm_by = asked_at + policy.confirm_within
        self.enter(Stage.CONFIRM, "a person looks at the plan and confirms its hash", needs_human=True)
        reminder = 0
        while self.confirmation is None and workflow.now() < self.confirm_by:
            asked = letters.to_confirm(self.order, self.purge.plan, self.confirm_by, reminder)
            self._send(_LOOKS, f"confirm-{reminder}", asked)
            reminder += 1
            again = min(asked_at + reminder * policy.remind_every, self.confirm_by)
            await wait_until(
                again, lambda: self.confirmation is not None, name=f"remind {_LOOKS} of the plan (reminder {reminder})"
            )
        self.confirm_by = None
        if self.confirmation is None:
            raise EndedError(Ending.NOT_CONFIRMED, "nobody confirmed the plan: it was a dry run")
        return self.confirmation

    async def _agreed(self, confirmation: Confirmation) -> None:
        """Return once another person approved exactly this; raises EndedError otherwise."""
        plan, policy = self.purge.plan, self.purge.policy
        purge = Purge(
            plan_id=self.order.plan_id,
            plan_sha256=plan.sha256,
            total=plan.total,
            requested_by=confirmation.by,
            path=policy.approved_by,
        )
        self.enter(Stage.APPROVE, f"{policy.approved_by[0]} decides about the plan", needs_human=True)
        await self.with_help(lambda: step(Retention.propose, purge, allowance=RECORD, summary="freeze the plan"))
        decision = await self.with_help(
            lambda: self.gate.walk(
                purge.op_key, purge.path, purge.question(plan), policy.approvals, self._remind, lambda: False
            )
        )
        if not approved(decision):
            why = f"rejected by {decision.operator_id}" if decision else "nobody decided in time: silence is a no"
            raise EndedError(Ending.REJECTED, why)

    async def _begin(self) -> None:
        """Plan once more; from here on there is no way back. Raises EndedError when the plan drifted."""
        self.enter(Stage.DELETE, "plan once more, then delete")
        try:
            await self.with_help(
                lambda: step(Retention.begin, self.order.plan_id, allowance=BULK, summary="plan once more"),
                but=FailureCode.STALE_DECISION,
            )
        except ActivityError as error:
            raise EndedError(Ending.DRIFTED, words_of(error)) from error
        self.note("the plan is still the same: deleting it")

    async def _delete(self) -> None:
        self.enter(Stage.DELETE, "delete batch by batch")
        while self.progress is None or not self.progress.over:
            self.progress = await self.with_help(self._delete_some)
            self.show()
        self.note(f"{counted(self.progress.gone, 'row')} deleted or redacted")
        for subject in self.progress.held:
            self.note(f"{subject} is held: what was left of it stays")

    async def _delete_some(self) -> Progress:
        work = PurgeStep(plan_id=self.order.plan_id, policy=self.purge.policy)
        gone = self.progress.gone if self.progress else 0
        return await step(Retention.carry_out, work, allowance=BULK, summary=f"delete, {gone:,} rows are gone")

    async def _certify(self) -> Certified:
        self.enter(Stage.VERIFY, "count again and print the certificate")
        certified = await self.with_help(
            lambda: step(Retention.certify, self.order.plan_id, allowance=BULK, summary="count again")
        )
        self.note(f"certificate {certified.sha256[:12]}: {certified.in_words}")
        return certified

    async def _end(self, ending: Ending, why: str) -> Ending:
        closing = ClosingPurge(plan_id=self.order.plan_id, ending=ending)
        await self.with_help(
            lambda: step(Retention.close, closing, allowance=RECORD, summary="put the ending on record")
        )
        self.ending, self.over = ending, True
        self.note(f"ended: {ending}, {why}")
        self.enter(Stage.CLOSED, "nothing")
        if ending not in (Ending.NOTHING, Ending.NOT_CONFIRMED):
            self._send(_LOOKS, "over", letters.over(self.order, self.purge.plan, ending, why))
        await self.letters_have_left()
        return ending

    async def with_help(self, attempt: Callable[[], Awaitable[Done]], *, but: FailureCode | None = None) -> Done:
        """Do a step; when it fails for good, hand it over and do it again once it is repaired: no purge stops half way.
        A failure with the code `but` is the caller's."""
        while True:
            try:
                return await attempt()
            except ActivityError as error:
                if is_cancelled_exception(error) or (but is not None and code_of(error) is but):
                    raise
                await self._hand_over(words_of(error))

    async def _hand_over(self, why: str) -> None:
        next_step = self.next_step
        self.repaired = False
        self.hand_overs += 1
        self.note(f"handed over to {_REPAIRS}: {why}")
        self.enter(self.stage, f"a person repairs: {why}", needs_human=True)
        if self.opened is not None:
            notice = letters.to_repair(self.order, self.opened.plan, why)
            self._send(_REPAIRS, f"handed-over-{self.hand_overs}", notice)
        await wait_for(lambda: self.repaired)
        self.enter(self.stage, next_step)

    def _remind(self, pending: PendingApproval, reminder: int) -> None:
        self._send(
            pending.role, f"approve-{reminder}", letters.to_approve(self.order, self.purge.plan, pending, reminder)
        )
        self.note(f"{'reminded' if reminder else 'asked'} {pending.role} to decide about the plan")

    def _send(self, role: Role, name: str, payload: Payload) -> None:
        notice = Notice(case_id=self.order.case_id, name=f"{name}-{role}", role=role, payload=payload)
        self.post(self.notify(notice))
