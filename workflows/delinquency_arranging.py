"""Agreeing on something while money is owed: a promise, more grace, an exemption, service given back.

What an operator may not decide alone waits for a second person beside the ladder, which goes on meanwhile.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.delinquency import Arranging, Delinquencies, Outcome
from activities.letters import Notice
from activities.recovery_letters import LetterToTenant, RecoveryLetters
from billing import recovery_letters as letters
from billing.arrangements import Arrangement
from billing.authority import Role
from billing.cases import PendingApproval
from billing.correction_letters import approval_requested
from billing.emails import Payload
from billing.failures import FailureCode
from billing.ladder_moves import promise_over
from billing.recovery import (
    BY_CUSTOMER,
    MAY_ARRANGE,
    ArrangementOrder,
    ArrangementRequest,
    ArrangementState,
    DelinquencyOrder,
)
from billing.recovery_arrangements import agreed, approver_of, objection_to, requested
from billing.recovery_steps import owed_by, owed_in_words
from billing.wording import dated
from workflows.blocks.approval import approved, question_at
from workflows.blocks.records import noted
from workflows.blocks.steps import LETTER, MONEY, step, words_of
from workflows.delinquency_collecting import DelinquencyCollecting
from workflows.delinquency_desk import conflict

_ARRANGE, _PROMISE = "arrange anything", "promise to pay"


class DelinquencyArranging(DelinquencyCollecting):
    """Arrangements, from the order to what became of them."""

    def __init__(self, order: DelinquencyOrder) -> None:
        super().__init__(order)
        # One after the other: what is asked for next is judged by what was agreed on just before.
        self._agreeing = asyncio.Lock()
        # A person agreed on something since the service was last looked at: what is eased, is eased because of it.
        self.decided = False

    @workflow.update(description="Agree on a promise, more grace, an exemption or service given back, for a reason")
    async def arrange(self, order: ArrangementOrder) -> str:
        if order.kind is Arrangement.RESTORATION:
            await self.look(fresh=True)
            self.stirred = True
            if not self.stands.debts:
                return "nothing is owed, read just now: the service is restored"
        async with self._agreeing:
            self._may_arrange(order)
            return await self._arranged(order)

    async def _arranged(self, order: ArrangementOrder) -> str:
        with self.attempts.counted(_deed(order)):
            role = await self._role_of(order.by)
            if why := objection_to(order, self.stands, workflow.now(), self.dunning):
                raise _invalid(why)
        if not self.stands.debts:
            raise conflict("nothing is owed any more, and nothing is left to arrange")
        self.requests += 1
        request = requested(order, self.case.case_id, self.order.tenant_id, self.requests, self.stands)
        approver = approver_of(order, self.stands, role, workflow.now(), self.dunning) if role else None
        asked = Arranging(request=request, approver=approver)
        await noted(Delinquencies.arrange, asked, summary=f"arrange: {request.words}")
        if approver is None:
            self._agree(request, order.by)
            return request.words
        self.awaits_approval = request.words
        self.post(self._have_approved(request, approver))
        return f"asked {approver}: {request.words}, says {order.by}"

    async def _role_of(self, asker: str) -> Role | None:
        """The role of an operator who may arrange something; None of the customer, whose promise nobody approves."""
        if asker == BY_CUSTOMER:
            return None
        role = await noted(Delinquencies.role_of, asker, summary="who asks")
        if role is None or role not in MAY_ARRANGE:
            raise _invalid(f"{asker} may not arrange anything: an active {' or '.join(MAY_ARRANGE)} is needed")
        return role

    @arrange.validator
    def _may_arrange(self, order: ArrangementOrder) -> None:
        self.refuse_unless_at_work(_deed(order))
        if self.question is not None or self.awaits_approval:
            raise conflict(
                f"{self.awaits_approval or 'another arrangement'} waits for approval: have that decided first"
            )

    @property
    def arranged(self) -> tuple[str, ...]:
        if self.standing is None:
            return ()
        words = []
        if self.standing.promise:
            words.append(f"paid by {dated(self.standing.promise.by_day)}, says the customer")
        if self.standing.grace_extra:
            words.append(f"grace is longer by {self.dunning.days(self.standing.grace_extra)} days")
        if self.standing.exemption and self.standing.exemption.until:
            words.append(f"exempted until {self.standing.exemption.until:%a %d %b %H:%M} UTC")
        return tuple(words)

    async def break_promise(self) -> None:
        """It was not kept: on record, and the ladder goes on at the same rung."""
        self.note(f"the promise was broken: {owed_in_words(self.stands)} is still owed")
        await self._settle(self.promise_key, ArrangementState.BROKEN)
        self.standing = promise_over(self.stands, workflow.now())

    async def keep_promise(self) -> None:
        """Everything is paid in time."""
        if self.standing and self.standing.promise:
            self.note("the promise was kept")
            await self._settle(self.promise_key, ArrangementState.KEPT)

    async def _have_approved(self, request: ArrangementRequest, approver: Role) -> None:
        """Ask the second person; silence is a no. It counts as of the moment of the answer."""
        try:
            if await self._is_approved(request, approver):
                self._agree(request, await self._in_force(request) or approver)
            else:
                await self._settle(request.op_key, ArrangementState.REFUSED)
                self.note(f"not agreed: {request.words}")
        except ActivityError as error:
            self.note(f"could not be carried out: {request.words}: {words_of(error)}")
        self.awaits_approval = ""
        self.show()
        self.label()

    async def _in_force(self, request: ArrangementRequest) -> str | None:
        """Let it count; answers who approved it. A payment that came another way is first noted at the provider."""
        if request.kind is Arrangement.MANUAL_PAYMENT:
            noting = step(Delinquencies.note_payment, request.op_key, allowance=MONEY, summary=request.words)
            return (await noting).decided_by
        summary = f"in force: {request.words}"
        return (await noted(Delinquencies.put_in_force, request.op_key, summary=summary)).decided_by

    async def _is_approved(self, request: ArrangementRequest, approver: Role) -> bool:
        words = f"{request.tenant_id} owes {owed_in_words(self.stands)}. May it be that {request.words}? "
        question = question_at(
            request.op_key,
            1,
            approver,
            f"{words}{request.requested_by} says: {request.reason}",
            self.case.policy.approvals,
        )

        def remind(pending: PendingApproval, reminder: int) -> None:
            self._remind(request, pending, reminder)

        decision = await self.gate.answer(question, self.case.policy.approvals, remind, self._nothing_owed)
        return approved(decision) and not self._nothing_owed()

    def _agree(self, request: ArrangementRequest, by: str) -> None:
        """Let it count from now on, and wake the procedure."""
        self.standing, self.decided = agreed(self.stands, request, workflow.now(), self.dunning), True
        self.note(f"{request.words} ({by}: {request.reason})")
        if request.kind is Arrangement.PROMISE and request.until:
            self.promise_key = request.op_key
            owed = owed_by(self.order.tenant_id, self.stands)
            self.write_to_tenant(f"promise-{self.stands.promises}", letters.promise_noted(owed, request.until))
        self.stirred = True

    def write_to_tenant(self, name: str, payload: Payload) -> None:
        """Let a letter leave beside the case; one that cannot is told in the story."""
        order = LetterToTenant(case_id=self.case.case_id, tenant_id=self.order.tenant_id, name=name, payload=payload)
        sending = step(RecoveryLetters.write, order, allowance=LETTER, summary=f"letter: {name}")
        self.post(self._write(sending, name, "the customer"))

    def _remind(self, request: ArrangementRequest, pending: PendingApproval, reminder: int) -> None:
        letter = approval_requested(pending, request.amount, (request.words,), None, reminder)
        name = f"{request.op_key.removeprefix(self.case.case_id + '/')}-{reminder}"
        notice = Notice(case_id=self.case.case_id, name=name, role=pending.role, payload=letter)
        self.post(self.notify(notice))
        self.note(f"{'reminded' if reminder else 'asked'} {pending.role}: {request.words}")
        self.label()

    async def _settle(self, op_key: str, state: ArrangementState) -> None:
        if op_key:
            await noted(Delinquencies.settle, Outcome(op_key=op_key, state=state), summary=f"the arrangement: {state}")

    def _nothing_owed(self) -> bool:
        return self.ending is not None or not self.stands.debts


def _deed(order: ArrangementOrder) -> str:
    """What attempts are counted for: a customer who promises in vain again and again keeps no operator from arranging."""
    return _PROMISE if order.by == BY_CUSTOMER else _ARRANGE


def _invalid(words: str) -> ApplicationError:
    return ApplicationError(words, type=FailureCode.INVALID, non_retryable=True)
