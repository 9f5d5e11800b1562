"""A bank with its books open: Stripe's adapter on the simulator, and the fake, steered alike, with one invoice of 100.00."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.payment_ports import Collector
from activities.payments import Payments
from adapters.stripe.payments import StripeCollector
from billing.holds import STOP_CHARGES
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.payments import AttemptOrder, AttemptResult, Origin, Receivable, RefreshOrder
from billing.policy.standard import STANDARD
from sandbox.stripe.faults import FaultKind
from tests.fakes.collector import FakeCollector
from tests.fakes.effects import FakeEffects
from tests.fakes.receivables import FakeReceivables
from tests.fixtures.stripe_simulator import API_KEY, StripeSimulator
from tests.sandbox.stripe.builders import Books

TOTAL = 100_00
INVOICE = "inv-1"
_PAYING = ("/v1/invoices/*/pay", "/v1/payment_intents")


class _Nothing:
    """The standard policy for everybody, and no holds."""

    def in_force(self, about: Any = None) -> Any:
        return () if about in STOP_CHARGES else STANDARD

    def find(self, tenant_id: str) -> None:
        return None


class Till(ABC):
    """One invoice that is collected, and what its customer and the banks do."""

    collector: Collector
    book: FakeReceivables

    def __init__(self) -> None:
        self.effects = FakeEffects()

    @abstractmethod
    def now(self) -> datetime:
        """The moment at the bank, which is ours too."""

    def tries(
        self,
        number: int = 1,
        origin: Origin = Origin.SCHEDULED,
        payment_method: str | None = None,
        method_since: datetime | None = None,
    ) -> AttemptResult:
        """One run of the activity."""
        order = AttemptOrder(
            tenant_id="acme",
            invoice_id=INVOICE,
            origin=origin,
            number=number,
            case_id="case",
            requested_by="runbook",
            payment_method=payment_method,
            method_since=method_since,
        )
        return self._payments().attempt(order)

    def receivable(self) -> Receivable:
        (receivable,) = self._payments().refresh(RefreshOrder(invoice_ids=(INVOICE,)))
        return receivable

    def on_record(self) -> str:
        """The way to pay that is charged by default."""
        (invoice,) = self.book.collectible((INVOICE,))
        return self.collector.methods(invoice.provider_customer_id)[0].payment_method_id

    def remaining(self) -> int:
        return self.receivable().remaining.minor

    def _payments(self) -> Payments:
        nothing: Any = _Nothing()
        return Payments(self.book, self.effects, self.collector, nothing, nothing, nothing, self.now)

    @abstractmethod
    def answers(self, word: str) -> None:
        """What the next charge is answered, in the fake's words."""

    @abstractmethod
    def taken(self) -> list[int]:
        """The amounts that were charged with success, oldest first."""

    @abstractmethod
    def hours_pass(self, hours: float) -> None:
        """At the bank and with us; after 24 it has forgotten its keys."""

    @abstractmethod
    def pays_elsewhere(self, minor: int | None = None) -> None:
        """The customer pays past us."""

    @abstractmethod
    def credits(self, minor: int) -> None:
        """A credit note on the open invoice."""

    @abstractmethod
    def refunds(self, minor: int) -> None:
        """The newest charge is refunded in part."""

    @abstractmethod
    def gives_back_by_a_note(self, minor: int) -> None:
        """A credit note on the paid invoice refunds so much, and nobody owes it any more."""

    @abstractmethod
    def charges_back(self) -> None:
        """A bank takes the newest charge back."""

    @abstractmethod
    def decides(self, *, won: bool) -> None:
        """The chargeback ends."""

    @abstractmethod
    def becomes(self, status: InvoiceStatus) -> None:
        """Void or uncollectible."""


class FakeTill(Till):
    def __init__(self, total: int = TOTAL, *, card: bool = True) -> None:
        super().__init__()
        self.at = datetime(2026, 12, 1, 9, tzinfo=UTC)
        self.bank = FakeCollector(now=self.now)
        self.bank.bill(INVOICE, "acme", Money(minor=total, currency="USD"))
        if not card:
            self.bank.cards["acme"] = None
        self.collector, self.book = self.bank, FakeReceivables(self.bank, effects=self.effects)

    def now(self) -> datetime:
        return self.at

    def answers(self, word: str) -> None:
        self.bank.next_answers.append(word)

    def taken(self) -> list[int]:
        return [charge.amount.minor for charge in self.bank.taken]

    def hours_pass(self, hours: float) -> None:
        self.at += timedelta(hours=hours)
        self.bank.answers()
        if hours > 24:
            self.bank.forget_keys()

    def pays_elsewhere(self, minor: int | None = None) -> None:
        self.bank.is_paid_elsewhere(INVOICE, minor)

    def credits(self, minor: int) -> None:
        self.bank.credits(INVOICE, minor)

    def refunds(self, minor: int) -> None:
        self.bank.refunds(INVOICE, minor)

    def gives_back_by_a_note(self, minor: int) -> None:
        self.bank.gives_back_by_a_note(INVOICE, minor)

    def charges_back(self) -> None:
        self.bank.charges_back(INVOICE)

    def decides(self, *, won: bool) -> None:
        self.bank.decides(INVOICE, won=won)

    def becomes(self, status: InvoiceStatus) -> None:
        self.bank.becomes(INVOICE, status)


# The fake's words in the simulator's.
_FAULTS: dict[str, tuple[FaultKind, dict[str, Any]]] = {
    "lost": (FaultKind.LOST_ANSWER, {}),
    "lost-before": (FaultKind.ERROR_BEFORE_COMMIT, {}),
    "stored-500": (FaultKind.ERROR_AFTER_COMMIT, {}),
    "stored-500-before": (FaultKind.ERROR_BEFORE_COMMIT, {"stored": True}),
    "busy": (FaultKind.RATE_LIMIT, {}),
    "processing": (FaultKind.PROCESSING, {"seconds": 3600.0}),
}


class StripeTill(Till):
    def __init__(self, simulator: StripeSimulator, total: int = TOTAL, *, card: bool = True) -> None:
        super().__init__()
        self.control, self.client = simulator.control, simulator.client()
        made = Books(self.client)
        customer = made.customer() if card else made.customer(card=None)
        self.provider_invoice_id = made.open(total, customer=customer.id).id
        self.collector = StripeCollector(API_KEY, simulator.url)
        known = FakeCollector()
        facts = {"provider_invoice_id": self.provider_invoice_id, "provider_customer_id": customer.id}
        billed = known.bill(INVOICE, "acme", Money(minor=total, currency="USD"))
        billed.invoice = billed.invoice.model_copy(update=facts)
        self.book = FakeReceivables(known, effects=self.effects)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.control.now(), UTC)

    def answers(self, word: str) -> None:
        kind, details = _FAULTS.get(word, (FaultKind.DECLINE, {"decline_code": word}))
        for path in _PAYING:
            self.control.fault(kind, path, attempts=(1,), **details)

    def taken(self) -> list[int]:
        charges = self.client.v1.charges.list({"limit": 100}).data
        return [charge.amount for charge in reversed(charges) if charge.status == "succeeded"]

    def hours_pass(self, hours: float) -> None:
        self.control.advance(hours=hours)

    def pays_elsewhere(self, minor: int | None = None) -> None:
        self.control.clear_faults()
        if minor is None:
            self.client.v1.invoices.pay(self.provider_invoice_id, {"paid_out_of_band": True})
            return
        intent = self.client.v1.payment_intents.create(
            {"amount": minor, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
        )
        self.client.v1.invoices.attach_payment(self.provider_invoice_id, {"payment_intent": intent.id})

    def credits(self, minor: int) -> None:
        self.client.v1.credit_notes.create({"invoice": self.provider_invoice_id, "amount": minor})

    def refunds(self, minor: int) -> None:
        self.client.v1.refunds.create({"charge": self._newest(), "amount": minor})

    def gives_back_by_a_note(self, minor: int) -> None:
        note = {"invoice": self.provider_invoice_id, "amount": minor, "refund_amount": minor}
        self.client.v1.credit_notes.create(note)  # type: ignore[arg-type] # a plain dict

    def charges_back(self) -> None:
        self.control.dispute(self._newest())

    def decides(self, *, won: bool) -> None:
        (dispute,) = self.client.v1.disputes.list({"charge": self._newest()}).data
        verdict = "winning_evidence" if won else "losing_evidence"
        self.client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": verdict}})

    def becomes(self, status: InvoiceStatus) -> None:
        if status is InvoiceStatus.VOID:
            self.client.v1.invoices.void_invoice(self.provider_invoice_id)
        else:
            self.client.v1.invoices.mark_uncollectible(self.provider_invoice_id)

    def _newest(self) -> str:
        return self.client.v1.charges.list({"limit": 1}).data[0].id
