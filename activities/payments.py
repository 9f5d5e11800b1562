"""Collecting what is owed: reading how invoices stand, charging one once, and saying what became of it.

What an attempt would be allowed to do is looked at right before it is sent. What may have been sent already is looked for
first; only when the provider has not seen it is it sent again: as it was frozen and under its key, or, when that would no
longer be right and nothing can be on its way any more, planned anew under the next one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from temporalio import activity

from activities.clock import Now
from activities.effects import Sender, send_once
from activities.invoicing_ports import Holds
from activities.payment_ports import CollectibleInvoice, Collector, Reading, ReceivablesBook
from activities.payment_results import (
    barred,
    declined_before,
    less_than_due,
    nothing_arrived,
    nothing_sent,
    objection,
    receivable_of,
    refused,
    result_of_answer,
    result_of_row,
    unknown,
)
from activities.ports import EffectLedger, PolicyShelf, ProviderAnswer, TenantDirectory, Wire
from billing.corrections import sha256_of
from billing.effects import Effect, EffectIntent, EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.holds import STOP_CHARGES, Hold
from billing.invoices import InvoiceStatus
from billing.payment_collection import DuePage
from billing.payments import (
    AttemptOrder,
    AttemptResult,
    AttemptRow,
    OpenedRetry,
    Origin,
    Outcome,
    Receivable,
    RefreshOrder,
    RetryOrder,
)
from billing.policy.payments import PaymentPolicy

log = structlog.get_logger("payments")

# A request that the provider has not seen by then is not on its way any more.
ARRIVES_WITHIN = timedelta(minutes=10)
# A page of the daily collection.
DUE_A_PAGE = 100


@dataclass(frozen=True)
class Payments:
    """The verbs of collecting; each may be repeated after a crash and charges nothing twice."""

    book: ReceivablesBook
    effects: EffectLedger
    collector: Collector
    tenants: TenantDirectory
    policies: PolicyShelf
    holds: Holds
    now: Now

    @activity.defn(name="refresh_receivables", no_thread_cancel_exception=True)
    def refresh(self, order: RefreshOrder) -> tuple[Receivable, ...]:
        """Read the invoices fresh at the provider and keep how they stand; by invoice."""
        ids = order.invoice_ids or (self.book.unsettled(order.tenant_id) if order.tenant_id else ())
        return tuple(self._kept(invoice, self._reading(invoice)) for invoice in self.book.collectible(ids))

    @activity.defn(name="list_due_payments", no_thread_cancel_exception=True)
    def due(self, after: str) -> DuePage:
        """The next page of what fell due and nobody collects, by invoice; empty behind the last."""
        invoices = self.book.due(after, DUE_A_PAGE, self.now())
        return DuePage(invoices=invoices, policy=self.policies.in_force(None).payments)

    @activity.defn(name="open_payment_retry", no_thread_cancel_exception=True)
    def open(self, order: RetryOrder) -> OpenedRetry:
        """Take the invoice up: how it stands, what was tried before, and the policy to keep."""
        receivable = self._refreshed(self._collectible(order.invoice_id))
        self.book.chased_by(receivable.invoice_id, order.workflow_id, if_nobody=order.alone)
        rows = self.book.attempts(receivable.invoice_id)
        by_itself = [row for row in rows if row.origin is not Origin.MANUAL and _is_of_this_debt(row, receivable)]
        scheduled = [row for row in by_itself if row.origin is Origin.SCHEDULED]
        # A charge that failed before we kept attempts is on the provider's record only.
        original = receivable.overdue_since and receivable.charged_automatically and not _is_reopened(receivable)
        return OpenedRetry(
            receivable=receivable,
            tried=self.book.tried(receivable.invoice_id),
            scheduled_since=max(len(scheduled), 1 if original else 0),
            last_tried_at=max((row.ended_at or row.began_at for row in scheduled), default=receivable.overdue_since),
            policy=self._policy(order.tenant_id),
            advice=by_itself[-1].advice if by_itself else None,
            decline_code=by_itself[-1].decline_code if by_itself else None,
        )

    @activity.defn(name="attempt_payment", no_thread_cancel_exception=True)
    def attempt(self, order: AttemptOrder) -> AttemptResult:
        """Charge the net due, once; a decline and an unknown outcome are results. Asked again after an unknown outcome
        it looks up first, and never sends under another key what may have happened."""
        result = self._attempted(order)
        _count(result)
        return result

    def _attempted(self, order: AttemptOrder) -> AttemptResult:
        row = self.book.attempt(order.op_key)
        if row is not None and row.ended_at is not None and result_of_row(row).was_tried:
            return result_of_row(row)
        invoice = self._collectible(order.invoice_id)
        if row is not None and row.ended_at is None and (effect := self._sent(order.op_key)):
            return self._looked_up(row, effect) or self._sent_again(order, invoice, effect)
        reading = self._reading(invoice)
        if reason := self._objection(invoice, reading):
            under_way = row is not None and row.ended_at is None
            return self._given_up(order.op_key, reason) if under_way else reason
        if row is None and (declined_at := self._declined_before(order, invoice)):
            return declined_before(order, declined_at)
        if other := self.book.begin(order, self.now()):
            settled = self.look_up(other.op_key)
            return barred(other) if settled.outcome is Outcome.UNKNOWN else self._attempted(order)
        if row is not None and row.ended_at is not None and self._sent(order.op_key):
            return self._attempted(order)  # begun again: what it had sent before is looked for first
        return self._sent_once(order, invoice, reading)

    @activity.defn(name="look_up_payment", no_thread_cancel_exception=True)
    def look_up(self, op_key: str) -> AttemptResult:
        """What became of an attempt, without sending anything. One that the provider has not seen although it may have
        forgotten the key never arrived, and bars no other any more."""
        row = self.book.attempt(op_key)
        if row is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"there is no attempt {op_key}")
        if row.ended_at is not None:
            return result_of_row(row)
        if (effect := self._sent(op_key)) is None:
            return self._given_up(op_key, nothing_sent())
        if known := self._looked_up(row, effect):
            return known
        if effect.key_may_be_forgotten(self.now()):
            return self.book.end(op_key, nothing_arrived(), self.now())
        return unknown("the provider has not seen it so far")

    @activity.defn(name="close_payment_retry", no_thread_cancel_exception=True)
    def close(self, order: RetryOrder) -> None:
        """These retries collect the invoice no more; whoever else does goes on."""
        self.book.chased_no_more(order.invoice_id, order.workflow_id)

    def _declined_before(self, order: AttemptOrder, invoice: CollectibleInvoice) -> datetime | None:
        """When the way to pay was declined for this invoice, though it has not changed since."""
        if order.payment_method is None or order.method_since is None:
            return None
        return self.collector.declined_since(invoice, order.payment_method, order.method_since)

    def _given_up(self, op_key: str, result: AttemptResult) -> AttemptResult:
        """End what has sent nothing, for good; unknown when somebody sends it at this moment."""
        return self.book.give_up(op_key, result, self.now()) or unknown("it is being sent at this moment")

    def _looked_up(self, row: AttemptRow, effect: Effect) -> AttemptResult | None:
        """What became of something that was sent; None when the provider has not seen it. Unknown while the bank has not
        answered."""
        if effect.state is EffectState.CONFIRMED:
            remembered = ProviderAnswer(provider_id=effect.provider_id or "", kept=effect.outcome or {})
            return self._settled(row.op_key, row.invoice_id, remembered)
        try:
            found = self.collector.find(_wire(effect), row.op_key)
        except BillingFailure as failure:
            return self._doubted(row.op_key, failure)
        return None if found is None else self._settled(row.op_key, row.invoice_id, found)

    def _sent_again(self, order: AttemptOrder, invoice: CollectibleInvoice, effect: Effect) -> AttemptResult:
        """The provider has not seen what was sent. As it was frozen it may go again under its key; what is not right any
        more is given up, or planned anew, once nothing can be on its way."""
        reading = self._reading(invoice)
        reason = self._objection(invoice, reading)
        if reason is None and self._may_go_again(effect, reading):
            return self._sent_once(order, invoice, reading)
        if effect.first_sent_at is not None and self.now() - effect.first_sent_at < ARRIVES_WITHIN:
            return unknown("it may be on its way, and what is due has changed meanwhile")
        if reason is not None:
            return self.book.end(order.op_key, reason, self.now())
        return self._sent_once(order, invoice, reading)

    def _sent_once(self, order: AttemptOrder, invoice: CollectibleInvoice, reading: Reading) -> AttemptResult:
        effect = self.effects.record(_intent(order))
        if effect.state is EffectState.REFUSED or (effect.wire and not self._may_go_again(effect, reading)):
            self.effects.next_generation(order.op_key, generation=effect.generation)
        sender = Sender(
            plan=lambda effect: self.collector.plan(effect, invoice, self._reading(invoice), order.payment_method),
            send=self.collector.send,
            find=self.collector.find,
        )

        def settle(answer: ProviderAnswer) -> AttemptResult:
            return self._settled(order.op_key, order.invoice_id, answer)

        try:
            return send_once(self.effects, order.op_key, sender, settle, self.now())
        except BillingFailure as failure:
            match failure.code:
                case FailureCode.OUTCOME_UNKNOWN:
                    return self._doubted(order.op_key, failure)
                case FailureCode.PROVIDER_REFUSED | FailureCode.INVALID:
                    return self._refused(order, invoice, failure)
                case _:
                    raise

    def _may_go_again(self, effect: Effect, reading: Reading) -> bool:
        """Whether what was frozen is still right as it is; an attempt that came to nothing and is begun again is not, since
        another card may have come."""
        row = self.book.attempt(effect.op_key)
        begun_again = row is not None and effect.first_sent_at is not None and effect.first_sent_at < row.began_at
        return not begun_again and self.collector.fits(_wire(effect), reading)

    def _settled(self, op_key: str, invoice_id: str, answer: ProviderAnswer) -> AttemptResult:
        """Keep what is known now."""
        self.effects.confirm(op_key, answer)
        invoice = self._collectible(invoice_id)
        result = result_of_answer(answer, self._policy(invoice.tenant_id), 1 + self._met_before(invoice_id, answer))
        if result.outcome is Outcome.DECLINED:
            ended = self.book.end(op_key, result, self.now())
            self._mirrored(invoice_id)
            return ended
        return self.book.end(op_key, less_than_due(result, self._mirrored(invoice_id)), self.now())

    def _mirrored(self, invoice_id: str) -> Receivable | None:
        """Bring the mirror up to date when that can be had: the provider's event does it too."""
        try:
            return self._refreshed(self._collectible(invoice_id))
        except BillingFailure as failure:
            log.warning("receivable not refreshed", invoice_id=invoice_id, code=failure.code.value, why=failure.for_us)
            return None

    def _met_before(self, invoice_id: str, answer: ProviderAnswer) -> int:
        """How often this decline code was the answer for the debt before."""
        receivable = self.book.find(invoice_id)
        code = answer.kept.get("decline_code")
        rows = self.book.attempts(invoice_id) if code and receivable else ()
        return sum(row.decline_code == code and _is_of_this_debt(row, receivable) for row in rows)

    def _doubted(self, op_key: str, failure: BillingFailure) -> AttemptResult:
        if failure.code is not FailureCode.OUTCOME_UNKNOWN:
            raise failure
        self.effects.doubt(op_key, failure.for_us)
        return self.book.end(op_key, unknown(failure.for_us), self.now())

    def _refused(self, order: AttemptOrder, invoice: CollectibleInvoice, failure: BillingFailure) -> AttemptResult:
        """Nothing was charged: it was paid or changed meanwhile, or a person has to look why."""
        receivable = self._refreshed(invoice)
        return self.book.end(
            order.op_key, objection(receivable, None) or refused(failure, receivable.remaining), self.now()
        )

    def _objection(self, invoice: CollectibleInvoice, reading: Reading) -> AttemptResult | None:
        """Why nothing may be charged right now."""
        return objection(self._kept(invoice, reading), self._hold_on(invoice.tenant_id))

    def _hold_on(self, tenant_id: str) -> Hold | None:
        held = (one for effect in STOP_CHARGES for one in self.holds.in_force(effect))
        return next((one for one in held if one.for_everybody or one.tenant_id == tenant_id), None)

    def _refreshed(self, invoice: CollectibleInvoice) -> Receivable:
        return self._kept(invoice, self._reading(invoice))

    def _kept(self, invoice: CollectibleInvoice, reading: Reading) -> Receivable:
        receivable = receivable_of(invoice, reading, self._policy(invoice.tenant_id))
        self.book.keep((receivable,))
        return receivable

    def _reading(self, invoice: CollectibleInvoice) -> Reading:
        return self.collector.reading(invoice, self.now())

    def _collectible(self, invoice_id: str) -> CollectibleInvoice:
        found = next(iter(self.book.collectible((invoice_id,))), None)
        if found is None:
            raise BillingFailure(
                FailureCode.NOT_FOUND,
                f"invoice {invoice_id} does not stand at the payment provider: push it there, then try again",
            )
        return found

    def _policy(self, tenant_id: str) -> PaymentPolicy:
        return self.policies.in_force(self.tenants.find(tenant_id)).payments

    def _sent(self, op_key: str) -> Effect | None:
        """The effect once it may have left; None before."""
        try:
            effect = self.effects.claim(op_key)
        except BillingFailure as failure:
            if failure.code is FailureCode.NOT_FOUND:
                return None
            raise
        return effect if effect.wire is not None else None


def _count(result: AttemptResult) -> None:
    """What became of attempts, for the metrics (P10); one that nobody knows of counts each time it is asked for."""
    if activity.in_activity():
        meter = activity.metric_meter().with_additional_attributes({"outcome": result.outcome.value})
        meter.create_counter("runbooks_charges", "Attempts to collect an invoice by outcome").add(1)


def _intent(order: AttemptOrder) -> EffectIntent:
    """What is frozen is which attempt it is: the amount is the net due of the moment it leaves, and another card may have
    come by then."""
    request = {"invoice_id": order.invoice_id, "origin": order.origin.value, "number": order.number}
    return EffectIntent(
        op_key=order.op_key,
        kind=EffectKind.PAYMENT,
        case_id=order.case_id,
        tenant_id=order.tenant_id,
        request=request,
        request_sha256=sha256_of(request),
    )


def _is_of_this_debt(row: AttemptRow, receivable: Receivable | None) -> bool:
    """Whether the bank was asked since the invoice is owed; one that was paid and re-opened begins anew."""
    if row.outcome is Outcome.PAID or (row.outcome is not None and not result_of_row(row).was_tried):
        return False
    since = receivable.overdue_since if receivable else None
    return since is None or row.ended_at is None or row.ended_at >= since


def _is_reopened(receivable: Receivable) -> bool:
    return receivable.status is InvoiceStatus.PAID and bool(receivable.remaining)


def _wire(effect: Effect) -> Wire:
    return Wire.model_validate(effect.wire)
