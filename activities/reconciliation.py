"""The verbs of a reconciliation: open it, read the provider, compare, void what is double, put it on record."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.clock import Now
from activities.effects import Sender, send_once
from activities.ports import EffectLedger, PolicyShelf, ProviderAnswer, Wire
from activities.push_ports import InvoiceProvider
from activities.reconciliation_ports import ReconciliationBook
from billing.corrections import sha256_of
from billing.effects import Effect, EffectIntent, EffectKind
from billing.failures import BillingFailure
from billing.policy.reconciliation import ReconciliationPolicy
from billing.reconciliation_report import ReconciliationReport
from billing.reconciling import DuplicateInvoice, ReconciliationOrder, VoidOrder, VoidResult, void_op_key


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class OpenedReconciliation(_Record):
    """What opening one read once and for all; `not_yet` says why it does not begin."""

    policy: ReconciliationPolicy
    not_yet: str | None = None


class Comparison(_Record):
    """What is to be compared, under the policy that it opened with."""

    reconciliation_id: str
    policy: ReconciliationPolicy


class ClosingReconciliation(_Record):
    """The end of one, with what was found; None when it could not be finished."""

    reconciliation_id: str
    report: ReconciliationReport | None


@dataclass(frozen=True)
class Reconciliations:
    """The verbs over the book of reconciliations, the provider's invoices and the effects of voiding some."""

    book: ReconciliationBook
    provider: InvoiceProvider
    effects: EffectLedger
    policies: PolicyShelf
    now: Now

    @activity.defn(name="open_reconciliation", no_thread_cancel_exception=True)
    def open(self, order: ReconciliationOrder) -> OpenedReconciliation:
        """Put it on record under the policy in force; the same order again finds the same one."""
        policy = self.policies.reconciliation()
        if order.unless_working and self.book.month_end_works(order.period):
            why = f"the month end of {order.period} is under way and reconciles by itself"
            return OpenedReconciliation(policy=policy, not_yet=why)
        self.book.open(order, self.now())
        return OpenedReconciliation(policy=policy)

    @activity.defn(name="read_provider_invoices", no_thread_cancel_exception=True)
    def read(self, order: ReconciliationOrder) -> int:
        """Read the provider's list to its end and answer how many invoices it held; after a crash it goes on behind the
        last page that was kept."""
        name = order.reconciliation_id
        reading = self.book.reading(name)
        if reading.complete:
            return reading.read
        read = reading.read
        for page in self.provider.pages(order.period, reading.cursor):
            read = self.book.keep(name, page)
            activity.heartbeat(f"{read} invoices")
        return self.book.keep(name, None)

    @activity.defn(name="compare_invoices", no_thread_cancel_exception=True)
    def compare(self, comparison: Comparison) -> ReconciliationReport:
        """Record every difference and sum them up (P5)."""
        return self.book.compare(comparison.reconciliation_id, comparison.policy)

    @activity.defn(name="void_duplicates", no_thread_cancel_exception=True)
    def void(self, order: VoidOrder) -> VoidResult:
        """Void each duplicate once, with the reason that was given (B2); one that cannot be voided is left with why."""
        voided, left = 0, []
        for duplicate in self.book.duplicates(order.reconciliation_id):
            activity.heartbeat(duplicate.provider_invoice_id)
            try:
                self._void_once(duplicate, order)
                voided += 1
            except BillingFailure as failure:
                if not failure.final:
                    raise
                left.append(f"{duplicate.provider_invoice_id}: {failure.for_us}")
        return VoidResult(voided=voided, left=tuple(left))

    @activity.defn(name="close_reconciliation", no_thread_cancel_exception=True)
    def close(self, closing: ClosingReconciliation) -> None:
        """Put the report on record and end it."""
        self.book.close(closing.reconciliation_id, closing.report, self.now())

    def _void_once(self, duplicate: DuplicateInvoice, order: VoidOrder) -> None:
        provider_id = duplicate.provider_invoice_id
        op_key = void_op_key(provider_id)
        # Who said so and why stand in the wire that is frozen; the request is the same whoever says it.
        request = {"void": provider_id}
        self.effects.record(
            EffectIntent(
                op_key=op_key,
                kind=EffectKind.INVOICE_CORRECTION,
                case_id=f"reconciliation/{order.reconciliation_id}",
                tenant_id=duplicate.tenant_id,
                request=request,
                request_sha256=sha256_of(request),
            )
        )
        reason = f"{order.decision.reason} ({order.decision.by}, reconciliation {order.reconciliation_id})"

        def plan(effect: Effect) -> Wire:
            return self.provider.plan_void(provider_id, op_key, reason)

        def settle(answer: ProviderAnswer) -> None:
            self.effects.confirm(op_key, answer)

        sender = Sender(plan=plan, send=self.provider.send, find=self.provider.find)
        send_once(self.effects, op_key, sender, settle, self.now())
