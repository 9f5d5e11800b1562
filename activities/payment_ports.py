"""The ports of collecting debts, beside `activities/ports.py` and under the same rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict

from activities.ports import ProviderAnswer, Wire
from billing.effects import Effect
from billing.invoices import InvoiceStatus
from billing.money import Currency, Money
from billing.payment_collection import DueInvoice
from billing.payments import AttemptOrder, AttemptResult, AttemptRow, Origin, Receivable


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class CollectibleInvoice(_Record):
    """An invoice of ours that stands at the provider, with what collecting it needs from the books; days end in `zone`.

    `disputed`: the customer contests it with us. `tried_in_vain_at`: our first attempt that failed, if any.
    """

    invoice_id: str
    number: str
    tenant_id: str
    provider_invoice_id: str
    provider_customer_id: str
    currency: Currency
    zone: str
    usage_only: bool
    disputed: bool
    tried_in_vain_at: AwareDatetime | None = None


class Reading(_Record):
    """How an invoice stands at the provider now; `remaining` is net, with what came back after it was paid.

    `reopened`: it was paid, and money went back since. `overdue_since` as the provider's own records say it. `read_at` is
    the moment before it was asked for: what changes while the answer is on its way is not in it.
    """

    read_at: AwareDatetime
    status: InvoiceStatus
    due: Money
    remaining: Money
    charged_automatically: bool = True
    reopened: bool = False
    overdue_since: AwareDatetime | None = None
    charged_back: bool = False


class PaymentMethod(_Record):
    """A way to pay at the provider, never more of a card than its last four digits."""

    payment_method_id: str
    kind: str
    last4: str | None = None
    is_default: bool = False


class Collector(Protocol):
    """Charging customers at the provider, in our words; `send` and `find` raise as those of `PaymentProvider` do.

    A decline is an answer, not a failure: `kept` says `outcome` (`paid` or `declined`), `amount_minor`, `currency`, and
    for a decline `decline_code`.
    """

    def reading(self, invoice: CollectibleInvoice, now: datetime) -> Reading:
        """Read the invoice fresh with its payments, refunds and chargebacks; `now` becomes its `read_at`."""

    def methods(self, provider_customer_id: str) -> tuple[PaymentMethod, ...]:
        """The customer's ways to pay, the default first."""

    def declined_since(self, invoice: CollectibleInvoice, payment_method: str, since: datetime) -> datetime | None:
        """When the bank last declined this way to pay for the invoice, at `since` or later; whole seconds, as the provider
        keeps them. None when it has not, or while it may still say yes."""

    def plan(
        self, effect: Effect, invoice: CollectibleInvoice, reading: Reading, payment_method: str | None = None
    ) -> Wire:
        """The charge over the net due, by `payment_method` while it is the customer's, else by the default, with what must
        be known to find it again. Raises INVALID when nothing is due."""

    def fits(self, wire: Wire, reading: Reading) -> bool:
        """Whether a frozen charge still asks for no more than what is due now."""

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        """Charge. OUTCOME_UNKNOWN also while the bank has not answered (`processing`)."""

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        """What became of the charge, or None when the provider never saw it. OUTCOME_UNKNOWN while the bank has not
        answered: it must not be sent again."""


class ReceivablesBook(Protocol):
    """The mirror of how invoices stand at the provider, and every attempt to collect one."""

    def collectible(self, invoice_ids: Sequence[str]) -> tuple[CollectibleInvoice, ...]:
        """Those of the invoices that stand at the provider; any revision of a document names its first."""

    def named(self, name: str) -> CollectibleInvoice | None:
        """The one that people call so, by the id or number of any revision; None when none stands at the provider."""

    def unsettled(self, tenant_id: str) -> tuple[str, ...]:
        """The tenant's invoices whose mirror says that something remains, or that were pushed and never read."""

    def due(self, after: str, limit: int, now: datetime) -> tuple[DueInvoice, ...]:
        """The first `limit` invoices behind `after`, by id, that fell due and that nobody collects: those to be charged that
        were never tried or whose first charge nobody knows of, and those that are paid on receipt and not overdue yet."""

    def keep(self, receivables: Sequence[Receivable]) -> None:
        """Write the mirror; an older reading never replaces a newer one."""

    def of_tenant(self, tenant_id: str) -> tuple[Receivable, ...]:
        """The mirror of the tenant's invoices, by invoice."""

    def find(self, invoice_id: str) -> Receivable | None:
        """The mirror of one invoice."""

    def begin(self, order: AttemptOrder, now: datetime) -> AttemptRow | None:
        """Open the attempt. None when it is open or opened now; else the other attempt at the invoice that is under way
        still and bars this one. Raises CONFLICT when the number was taken by another case."""

    def end(self, op_key: str, result: AttemptResult, now: datetime) -> AttemptResult:
        """Close the attempt; the first result stays and is returned."""

    def give_up(self, op_key: str, result: AttemptResult, now: datetime) -> AttemptResult | None:
        """Close an attempt that has sent nothing, so that `EffectLedger.freeze` refuses what it would send; answers the
        result that stays. None when its request was frozen before, and may be on its way."""

    def attempt(self, op_key: str) -> AttemptRow | None:
        """One attempt."""

    def requested(self, invoice_id: str, request_key: str) -> AttemptRow | None:
        """The attempt that somebody asked for under this key."""

    def attempts(self, invoice_id: str) -> tuple[AttemptRow, ...]:
        """Every attempt at an invoice, oldest first."""

    def tried(self, invoice_id: str) -> dict[Origin, int]:
        """The highest number taken of each origin."""

    def chased_by(self, invoice_id: str, workflow_id: str, *, if_nobody: bool = False) -> None:
        """Note which runbook collects the invoice; with `if_nobody` one that does already stays."""

    def chased_no_more(self, invoice_id: str, workflow_id: str) -> None:
        """This runbook collects the invoice no more; another that does stays."""

    def chaser_of(self, invoice_id: str) -> str | None:
        """The runbook that collects the invoice now."""
