"""Collect one invoice: charge it again on a schedule, at once for a new card or an operator, and never twice for one debt.

    open ─ wait ─ charge ─┬─► paid
      ▲     ▲             ├─ declined, try again ─ wait
      │     │             ├─► exhausted · stopped
      │     │             ├─ held ─ wait for the hold ─┐
      │     └─────────────┴────────────────────────────┤
      │                   └─ unknown ─ look up ─ look up ─ a person
      └─ owed again ─ listens until its parent says that it is over

The endings are `billing.payments.RetryPhase`. While an outcome is unknown nothing else is charged.
"""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

from activities.letters import Notice
from activities.payments import Payments
from billing.authority import RUNBOOK, Role
from billing.declines import DO_NOT_HONOR, Advice
from billing.emails import HandedOver
from billing.failures import FailureCode
from billing.invoices import InvoiceStatus
from billing.payments import (
    HEARD_ATTEMPT,
    PAYMENT_RETRY,
    AttemptOrder,
    AttemptResult,
    AttemptTold,
    OpenedRetry,
    Origin,
    Outcome,
    Receivable,
    RefreshOrder,
    RetryOrder,
    RetryPhase,
)
from billing.wording import timed
from workflows.blocks.pauses import ASKS_WITHIN, HOLD_PAUSES_AT_MOST
from workflows.blocks.steps import CHARGE, RECORD, code_of, step, words_of
from workflows.blocks.waiting import wait_for, wait_until
from workflows.payment_retry_desk import Asked, PaymentRetryDesk

_FINAL = {FailureCode.NOT_FOUND, FailureCode.INVALID, FailureCode.CONFLICT}


@workflow.defn(name=PAYMENT_RETRY)
class PaymentRetry(PaymentRetryDesk):
    """The retries of one invoice in one episode: workflow id `payment-retry/<invoice>/<episode>`."""

    @workflow.init
    def __init__(self, order: RetryOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: RetryOrder) -> RetryPhase:
        """Until its parent says that it is over, or, when nobody chases the debt, until it was charged as asked."""
        self.labels.show(runbook=PAYMENT_RETRY, tenant=order.tenant_id)
        await self._open()
        gives_up_at = workflow.now() + ASKS_WITHIN
        while not self._is_done():
            if self.asked:
                await self._charge(Origin.MANUAL, self.asked[0])
            elif self.stirred:
                await self._look()
            elif self._is_time():
                await self._charge(Origin.CARD_UPDATE if self._is_for_card() else Origin.SCHEDULED)
            elif order.alone and workflow.now() >= gives_up_at:
                break
            else:
                await self._wait(gives_up_at)
        await step(Payments.close, order, allowance=RECORD, summary="nobody collects it any more")
        self.over, self.next_step = True, "nothing"
        self.note(f"over: {self.phase.value}")
        await self.letters_have_left()
        if not (self.told_over or order.alone):  # owed again since it was told that it is over
            workflow.continue_as_new(order.model_copy(update={"paused": self.rests}))
        return self.phase

    async def _open(self) -> None:
        """Take it up as it stands now; what was tried before counts."""
        self.opened = await step(Payments.open, self.order, allowance=CHARGE, summary="read how the invoice stands")
        opened: OpenedRetry = self.opened
        self.tried = dict(opened.tried)
        self.made, self.last_tried_at = opened.scheduled_since, opened.last_tried_at
        self.owed_since = opened.receivable.overdue_since or workflow.now()
        self._heed(opened.advice, opened.decline_code)
        self._stands(opened.receivable)
        self.note(f"{opened.receivable.number}: {opened.receivable.remaining} is due")
        await self._tell()

    def _is_done(self) -> bool:
        """Whoever asked is answered first."""
        if self.asked:
            return False
        return self.told_over or (self.order.alone and self.last is not None)

    def _is_time(self) -> bool:
        if self.held_until and workflow.now() < self.held_until:
            return False
        return self._is_for_card() or (self.next_at is not None and workflow.now() >= self.next_at)

    def _is_for_card(self) -> bool:
        return self.new_card and self.may_charge_card and not self.cards_rest

    async def _wait(self, gives_up_at: datetime) -> None:
        """Until the next charge is due, or somebody says something."""

        def spoken_to() -> bool:
            return bool(self.asked) or self.stirred or self.told_over or (self.new_card and self._is_time())

        moment = self.held_until if self._is_for_card() else self.next_at
        if moment is None and self.order.alone:
            moment = gives_up_at
        self.next_step = f"charge what is due {timed(moment)}" if moment else self._waits_for()
        self.show()
        if moment is None:
            await wait_for(spoken_to)
        else:
            await wait_until(moment, spoken_to, name=f"charge {self.order.invoice_id} {timed(moment)}")

    def _waits_for(self) -> str:
        return f"paused: {self.rests.why}" if self.rests else "a new card, an operator, or the end of the case"

    async def _charge(self, origin: Origin, asked: Asked | None = None) -> None:
        """One attempt, until it is known what became of it."""
        number = self.tried.get(origin, 0) + 1
        for_card = origin is Origin.CARD_UPDATE
        order = AttemptOrder(
            tenant_id=self.order.tenant_id,
            invoice_id=self.order.invoice_id,
            origin=origin,
            number=number,
            case_id=self.order.case_id,
            requested_by=asked.attempt.by if asked else RUNBOOK,
            reason=asked.attempt.reason if asked else "",
            request_key=asked.attempt.request_key if asked else None,
            payment_method=self.new_method if for_card else None,
            method_since=self.method_since if for_card else None,
        )
        if for_card:
            self.new_card = False  # one that comes meanwhile has its own turn
        result = await self._attempt(order)
        if asked:
            asked.result = result
            self.asked.popleft()
        looked = 0
        while result.outcome is Outcome.UNKNOWN:
            self.in_doubt, self.last = order, result
            await self._tell(order, result)
            await self._until_looked_up(order, result, looked)
            looked += 1
            result = await self._attempt(order)
        self.in_doubt = None
        await self._take(order, result)

    async def _attempt(self, order: AttemptOrder) -> AttemptResult:
        """Charge, or find out what became of it. What cannot be done at all waits for a person."""
        self.next_step = f"charge {order.invoice_id} ({order.origin} {order.number})"
        self.show()
        try:
            return await step(
                Payments.attempt, order, allowance=CHARGE, summary=f"charge: {order.origin} {order.number}"
            )
        except ActivityError as error:
            if code_of(error) in _FINAL:
                return AttemptResult(outcome=Outcome.HELD, words=words_of(error), for_a_person=True)
            return AttemptResult(outcome=Outcome.UNKNOWN, words=words_of(error))

    async def _until_looked_up(self, order: AttemptOrder, result: AttemptResult, looked: int) -> None:
        """Wait for the next look-up; after the last one a person is asked, and whoever stirs it has it looked up again."""
        self.stirred = False
        pauses = self.policy.look_up_after
        if looked >= len(pauses):
            self._hand_over(order, f"what became of {order.op_key} is not known: {result.words}")
            return await wait_for(lambda: self.stirred)
        again = workflow.now() + pauses[looked]
        self.next_step = f"look {order.op_key} up {timed(again)}"
        self.note(f"{order.origin} {order.number}: nobody knows what became of it ({result.words})")
        await wait_until(again, lambda: self.stirred, name=f"look {order.op_key} up {timed(again)}")
        return None

    async def _take(self, order: AttemptOrder, result: AttemptResult) -> None:
        """What an attempt changes: the count of its origin, and for a scheduled one the schedule."""
        self.last, self.needs_human = result, False
        self.note(f"{order.origin.replace('_', ' ')} {order.number}: {result.words}")
        if result.was_tried:
            self.tried[order.origin] = order.number
            if order.origin is Origin.SCHEDULED:
                self.made, self.last_tried_at = self.made + 1, workflow.now()
        match result.outcome:
            case Outcome.PAID | Outcome.NOTHING_DUE:
                await self._reread()
            case Outcome.BELOW_MINIMUM:
                self.settled = RetryPhase.WITHDRAWN
            case Outcome.HELD:
                self._hold(order)
            case Outcome.DECLINED_BEFORE:
                pass  # what the bank said then counts already
            case _ if order.origin is not Origin.MANUAL:
                self._heed(result.advice, result.decline_code)
        if result.outcome is not Outcome.HELD:
            self.times_held = 0
        if result.for_a_person and self.times_held <= 1:
            self._hand_over(order, result.words)
        await self._tell(order, result)

    def _heed(self, advice: Advice | None, decline_code: str | None) -> None:
        """What the last charge was answered that no person asked for: stop, take longer, or go on."""
        self.advice, self.stopped = advice, advice in (Advice.ASK_FOR_NEW_METHOD, Advice.STOP)
        self.delayed = decline_code == DO_NOT_HONOR

    def _hold(self, order: AttemptOrder) -> None:
        """Nothing may be charged now: look again later, and later; an operator hears it at once and may ask again."""
        if order.origin is not Origin.MANUAL:
            pause = self.policy.look_at_holds_every * min(2**self.times_held, HOLD_PAUSES_AT_MOST)
            self.held_until, self.times_held = workflow.now() + pause, self.times_held + 1
        self.new_card = self.new_card or order.origin is Origin.CARD_UPDATE

    async def _look(self) -> None:
        """Something changed at the provider: paid elsewhere, credited, written off, or owed again."""
        self.stirred = False
        was = self.phase
        await self._reread()
        if was in (RetryPhase.PAID, RetryPhase.WITHDRAWN) and self.settled is None:
            return await self._open()
        if self.phase is not was:
            self.note(f"now {self.phase.value}, {self.remaining} is due")
        await self._tell()
        return None

    async def _reread(self) -> None:
        order = RefreshOrder(invoice_ids=(self.order.invoice_id,))
        receivables = await step(Payments.refresh, order, allowance=CHARGE, summary="read how the invoice stands")
        self._stands(next(iter(receivables)))

    def _stands(self, receivable: Receivable) -> None:
        self.remaining = receivable.remaining
        if receivable.remaining and not receivable.too_small:
            self.settled = None
        else:
            paid = receivable.status is InvoiceStatus.PAID and not receivable.remaining
            self.settled = RetryPhase.PAID if paid else RetryPhase.WITHDRAWN

    def _hand_over(self, order: AttemptOrder, what_happened: str) -> None:
        """Let finance look; nothing waits for the letter."""
        self.needs_human, self.next_step = True, f"a person looks: {what_happened}"
        self.note(f"handed over to finance: {what_happened}")
        payload = HandedOver(
            case_id=self.order.case_id,
            step=f"collect {self.order.invoice_id}",
            what_happened=what_happened,
            what_to_do=f"Look at the payment at the provider, then: runbooks payments retry {self.order.invoice_id}",
        )
        name = f"payment-{order.invoice_id}-{order.origin}-{order.number}"
        self.post(self.notify(Notice(case_id=self.order.case_id, name=name, role=Role.FINANCE, payload=payload)))

    async def _tell(self, order: AttemptOrder | None = None, result: AttemptResult | None = None) -> None:
        """Say it to the parent, if it has one that still listens."""
        self.show()
        parent = workflow.info().parent
        if parent is None:
            return
        told = AttemptTold(
            invoice_id=self.order.invoice_id,
            origin=order.origin if order else None,
            number=order.number if order else 0,
            result=result,
            phase=self.phase,
            next_at=self.next_at,
            advice=self.advice,
        )
        try:
            await workflow.get_external_workflow_handle(parent.workflow_id).signal(HEARD_ATTEMPT, told)
        except FailureError:
            self.note("its case is gone")
