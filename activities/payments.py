"""Collecting what is owed: reading how invoices stand, charging one once, and saying what became of it."""

from dataclasses import dataclass

from temporalio import activity

from activities.clock import Now
from activities.invoicing_ports import Holds
from activities.payment_ports import Collector, ReceivablesBook
from activities.ports import EffectLedger, PolicyShelf, TenantDirectory
from billing.payments import AttemptOrder, AttemptResult, OpenedRetry, Receivable, RefreshOrder, RetryOrder


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

    @activity.defn(name="refresh_receivables")
    def refresh(self, order: RefreshOrder) -> tuple[Receivable, ...]:
        """Read the invoices fresh at the provider and keep how they stand; by invoice."""
        raise NotImplementedError

    @activity.defn(name="open_payment_retry")
    def open(self, order: RetryOrder) -> OpenedRetry:
        """Take the invoice up: how it stands, what was tried before, and the policy to keep."""
        raise NotImplementedError

    @activity.defn(name="attempt_payment")
    def attempt(self, order: AttemptOrder) -> AttemptResult:
        """Charge the net due, once; a decline and an unknown outcome are results. Asked again after an unknown outcome
        it looks up first, and never sends under another key what may have happened."""
        raise NotImplementedError

    @activity.defn(name="look_up_payment")
    def look_up(self, op_key: str) -> AttemptResult:
        """What became of an attempt, without sending anything."""
        raise NotImplementedError

    @activity.defn(name="close_payment_retry")
    def close(self, order: RetryOrder) -> None:
        """Nobody collects the invoice any more."""
        raise NotImplementedError
