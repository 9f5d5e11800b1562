"""The ports of pushing issued documents to the payment provider, beside `activities/ports.py` and under the same rules."""

from datetime import date
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from activities.ports import ProviderAnswer, Wire
from activities.reconciliation_ports import ProviderSnapshot
from billing.effects import Effect
from billing.month_end import BatchResult, Shard


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class LineToPush(_Record):
    """A line as it was issued; `first` and `end` are half-open local days, None for a line that is for no period."""

    number: int
    description: str
    meter: str | None = None
    amount_minor: int
    first: date | None = None
    end: date | None = None


class DocumentToPush(_Record):
    """An issued document with what the provider needs to know of its customer; amounts in minor units."""

    op_key: str
    invoice_id: str
    number: str
    period: str
    tenant_id: str
    provider_customer_id: str | None
    charged_automatically: bool
    currency: str
    total_minor: int
    due_minor: int
    issued_at: AwareDatetime
    lines: tuple[LineToPush, ...]


class PushBook(Protocol):
    """What is to be pushed, read for a whole batch: the documents of a run's period whose tenants are in the batch."""

    def take_up_again(self, run_id: str, batch: Shard) -> int:
        """Let those that the provider has refused be tried once more, under a new key; answers how many."""

    def unsettled(self, run_id: str, batch: Shard) -> tuple[DocumentToPush, ...]:
        """Those neither confirmed nor refused, by tenant."""

    def standing(self, run_id: str, batch: Shard) -> BatchResult:
        """How many are confirmed, and which are left with why, as the effects say it."""


class InvoiceProvider(ProviderSnapshot, Protocol):
    """Invoices at Stripe in our words, made, changed and listed; `send` and `find` raise as those of `PaymentProvider`
    do."""

    def plan(self, effect: Effect, document: DocumentToPush) -> Wire:
        """The document as it will be made there. Raises INVALID when it is not what the effect was recorded for, or the
        customer is unknown at the provider."""

    def plan_void(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        """Declare an open invoice void, or delete it when it is a draft still."""

    def plan_write_off(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        """Declare an open invoice uncollectible; it may be paid or voided later."""

    def plan_paid_elsewhere(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        """Record that an invoice was paid past the provider."""

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        """Bring the wire about, however many requests it takes; again under the same key goes on where it stopped."""

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        """Whether it came about; a document that is only half made there did not."""
