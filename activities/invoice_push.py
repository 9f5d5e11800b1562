"""Bringing issued documents to the payment provider, batch by batch on a lane of its own; each document once."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from temporalio import activity

from activities.clock import Now
from activities.effects import Sender, send_once
from activities.invoicing_ports import InvoicePush
from activities.ports import EffectLedger, Heartbeat
from activities.push_ports import DocumentToPush, InvoiceProvider, PushBook
from billing.failures import BillingFailure, FailureCode
from billing.month_end import BatchResult, LeftDocument, Shard, ShardOrder

log = structlog.get_logger("push")

# A document that met a busy provider or a lost answer has its turn again after the others of its batch, so often.
ROUNDS = 3
# So many in a row that nobody answered for: the provider is away, and the others must not be left in doubt as well.
AWAY_AFTER = 3


@dataclass(frozen=True)
class InvoicePushing:
    """The verb on the provider's own lane, whose rate is kept for all workers together."""

    invoices: InvoicePush

    @activity.defn(name="push_invoices", no_thread_cancel_exception=True)
    def push(self, batch: ShardOrder) -> BatchResult:
        """Bring what the batch's tenants were issued to the provider, each document once (P6)."""
        return self.invoices.push(batch.run_id, batch.shard, activity.heartbeat)


@dataclass(frozen=True)
class PushedByEffects:
    """Satisfies `InvoicePush` over the effects that finalising recorded: frozen, sent, settled, looked up in doubt."""

    book: PushBook
    effects: EffectLedger
    provider: InvoiceProvider
    now: Now

    def push(self, run_id: str, batch: Shard, heartbeat: Heartbeat) -> BatchResult:
        """One document that fails keeps no other waiting. Raises UNAVAILABLE, with the batch where it stood, while the
        provider is away; asked again, those that were refused are tried once more."""
        if not _is_a_retry():
            self.book.take_up_again(run_id, batch)
        reasons: dict[str, str] = {}
        for _ in range(ROUNDS):
            if not (waiting := self.book.unsettled(run_id, batch)):
                break
            reasons |= self._one_round(waiting, heartbeat)
        standing = self.book.standing(run_id, batch)
        return standing.model_copy(update={"left": tuple(_with(one, reasons) for one in standing.left)})

    def _one_round(self, waiting: Sequence[DocumentToPush], heartbeat: Heartbeat) -> dict[str, str]:
        """Push each document once; answers why some were not, by tenant."""
        reasons: dict[str, str] = {}
        unanswered = 0
        for document in waiting:
            heartbeat(document.number)
            failure = self._failure_of(document)
            unanswered = unanswered + 1 if failure and not failure.final else 0
            if failure:
                reasons[document.tenant_id] = failure.for_us
            if failure and unanswered >= AWAY_AFTER:
                raise BillingFailure(FailureCode.UNAVAILABLE, f"{unanswered} documents in a row: {failure.for_us}")
        return reasons

    def _failure_of(self, document: DocumentToPush) -> BillingFailure | None:
        """Push one document; None once it is confirmed, else what went wrong, on record when that is final."""
        sender = Sender(
            plan=lambda effect: self.provider.plan(effect, document), send=self.provider.send, find=self.provider.find
        )
        try:
            send_once(
                self.effects,
                document.op_key,
                sender,
                lambda answer: self.effects.confirm(document.op_key, answer),
                self.now(),
            )
        except BillingFailure as failure:
            if failure.code is FailureCode.UNAVAILABLE:
                raise
            self._record(document, failure)
            return failure
        return None

    def _record(self, document: DocumentToPush, failure: BillingFailure) -> None:
        log.warning(
            "document not pushed",
            op_key=document.op_key,
            code=failure.code.value,
            why=failure.for_us,
            parked=failure.final,
        )
        if not failure.final or failure.code is FailureCode.PROVIDER_REFUSED:
            return  # busy or unknown: its turn comes again; a refusal is on record already
        try:
            self.effects.refuse(document.op_key, failure.for_us)
        except BillingFailure as confirmed:
            if confirmed.code is not FailureCode.CONFLICT:
                raise


def _is_a_retry() -> bool:
    """Whether Temporal tries the same batch again by itself: what was refused a moment ago would be refused again."""
    return activity.in_activity() and activity.info().attempt > 1


def _with(left: LeftDocument, reasons: dict[str, str]) -> LeftDocument:
    """The reason that was met just now says more than what stands on record."""
    return left.model_copy(update={"why": reasons.get(left.tenant_id, left.why)})
