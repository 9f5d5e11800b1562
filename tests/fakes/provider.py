"""A payment provider with its books in memory: idempotent like the real one, and failing on request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import stripe

from activities.ports import ProviderAnswer, Wire
from adapters.stripe import invoice_wires, wires
from billing.corrections import CreditRequest, Destination
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import Deed, InvoiceStanding, StatusChange
from billing.invoices import Invoice, InvoiceStatus
from billing.money import Money
from billing.tenants import Tenant

_AFTER = {invoice_wires.VOID: InvoiceStatus.VOID, invoice_wires.WRITE_OFF: InvoiceStatus.UNCOLLECTIBLE}


@dataclass(frozen=True)
class FakeCredit:
    """One credit in the provider's books: what the customer got, and which way it went. Of a credit note `lowered` (minor
    units) is not due any more, and `refunded` goes back to the payment method."""

    provider_id: str
    op_key: str
    amount: Money
    destination: Destination
    provider_invoice_id: str = ""
    lowered: int = 0
    refunded: int = 0


@dataclass
class FakeProvider:
    """Satisfies PaymentProvider. `credits` holds what came about; `keys` the key of every request that was sent.

    Every invoice counts as wholly unpaid unless `amount_remaining` (minor units, by provider invoice id) says otherwise, and
    what does not remain was paid by a charge, but for the earlier credits in `applied`. `changed` holds the status of
    invoices that were voided or written off.
    """

    credits: list[FakeCredit] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    amount_remaining: dict[str, int] = field(default_factory=dict)
    applied: dict[str, int] = field(default_factory=dict)
    changed: dict[str, InvoiceStatus] = field(default_factory=dict)
    _currency: dict[str, str] = field(default_factory=dict)
    _answered: dict[str, tuple[Wire, ProviderAnswer | FailureCode]] = field(default_factory=dict)
    _script: deque[tuple[FailureCode, bool]] = field(default_factory=deque)

    @property
    def ids(self) -> list[str]:
        """The provider's ids of the credits, in the order in which they came about."""
        return [credit.provider_id for credit in self.credits]

    def fail_next(self, code: FailureCode, *, commits: bool = False, times: int = 1) -> None:
        """Have the next requests fail with `code`; with `commits` the object comes about all the same.

        After KEY_SPENT the key is spent for good, as a stored 500 is.
        """
        self._script.extend([(code, commits)] * times)

    def recovers(self) -> None:
        """Whatever was scripted to fail still does not."""
        self._script.clear()

    def forget_keys(self) -> None:
        """As after 24 hours: the same key executes anew."""
        self._answered.clear()

    def plan_credit(self, effect: Effect, request: CreditRequest, invoice: Invoice, tenant: Tenant) -> Wire:
        if request.destination is Destination.NEXT_INVOICE:
            return wires.balance_credit(request, tenant)
        invoice_id = wires.provider_invoice_of(invoice)
        self._currency[invoice_id] = invoice.currency
        at_provider = {
            "id": invoice_id,
            "object": "invoice",
            "status": invoice.status.value,
            "currency": invoice.currency.lower(),
            "amount_remaining": self._remaining(invoice_id, invoice),
        }
        return wires.credit_note(request, stripe.Invoice.construct_from(at_provider, "fake"))

    def standing(self, invoice: Invoice) -> InvoiceStanding:
        invoice_id = wires.provider_invoice_of(invoice)
        of_invoice = [credit for credit in self.credits if credit.provider_invoice_id == invoice_id]
        original = invoice.total_minor + sum(credit.amount.minor for credit in of_invoice if invoice.revision > 1)
        paid = original - self.applied.get(invoice_id, 0) - self.amount_remaining.get(invoice_id, original)
        credited = sum(credit.amount.minor for credit in of_invoice)
        refunded = sum(credit.refunded for credit in of_invoice)
        remaining = self._remaining(invoice_id, invoice)
        settled = InvoiceStatus.OPEN if remaining else InvoiceStatus.PAID

        def money(minor: int) -> Money:
            return Money(minor=minor, currency=invoice.currency)

        return InvoiceStanding(
            status=self.changed.get(invoice_id, settled),
            total=money(original),
            paid=money(paid),
            remaining=money(remaining),
            credited=money(credited),
            refunded=money(refunded),
            creditable=money(original - credited),
            refundable=money(paid - refunded),
        )

    def plan_change(self, change: StatusChange, invoice: Invoice) -> Wire:
        call = invoice_wires.VOID if change.deed is Deed.VOID else invoice_wires.WRITE_OFF
        return invoice_wires.change(call, wires.provider_invoice_of(invoice), change.op_key, change.reason)

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        self.keys.append(idempotency_key)
        code, commits = self._script.popleft() if self._script else (None, True)
        if code is FailureCode.PROVIDER_BUSY:
            raise BillingFailure(code, f"scripted for {idempotency_key}")
        if kept := self._answered.get(idempotency_key):
            return self._again(wire, *kept)
        answer = self._book(wire) if commits else None
        if code is FailureCode.KEY_SPENT:
            self._answered[idempotency_key] = (wire, code)
        elif answer is not None:
            self._answered[idempotency_key] = (wire, answer)
        if code is not None or answer is None:
            raise BillingFailure(code or FailureCode.OUTCOME_UNKNOWN, f"scripted for {idempotency_key}")
        return answer

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        if wire.call in _AFTER:
            invoice_id = wire.params["invoice"]
            return _changed(invoice_id) if self.changed.get(invoice_id) is _AFTER[wire.call] else None
        return next((_answer(credit) for credit in self.credits if credit.op_key == op_key), None)

    def _remaining(self, invoice_id: str, invoice: Invoice) -> int:
        lowered = sum(credit.lowered for credit in self.credits if credit.provider_invoice_id == invoice_id)
        if invoice_id in self.amount_remaining:
            return max(0, self.amount_remaining[invoice_id] - lowered)
        return invoice.total_minor if invoice.revision > 1 else max(0, invoice.total_minor - lowered)

    def _book(self, wire: Wire) -> ProviderAnswer:
        if wire.call in _AFTER:
            self.changed[wire.params["invoice"]] = _AFTER[wire.call]
            return _changed(wire.params["invoice"])
        credit = self._credit(wire)
        self.credits.append(credit)
        return _answer(credit)

    def _credit(self, wire: Wire) -> FakeCredit:
        params, number = wire.params, len(self.credits) + 1
        op_key = str(params["metadata"][wires.OP_KEY])
        match wire.call:
            case wires.CREDIT_NOTE:
                amount = Money(minor=params["amount"], currency=self._currency[params["invoice"]])
                refunded, into_balance = params.get("refund_amount", 0), params.get("credit_amount", 0)
                return FakeCredit(
                    f"cn_{number}",
                    op_key,
                    amount,
                    Destination.CREDIT_NOTE,
                    provider_invoice_id=params["invoice"],
                    lowered=amount.minor - refunded - into_balance,
                    refunded=refunded,
                )
            case wires.BALANCE_TRANSACTION:
                amount = Money(minor=-params["amount"], currency=params["currency"])
                return FakeCredit(f"cbtxn_{number}", op_key, amount, Destination.NEXT_INVOICE)
            case call:
                raise BillingFailure(FailureCode.INVALID, f"{call!r} is no call we make")

    def _again(self, wire: Wire, first: Wire, kept: ProviderAnswer | FailureCode) -> ProviderAnswer:
        if wire != first:
            raise BillingFailure(FailureCode.CONFLICT, "the same key was used with other parameters")
        if isinstance(kept, FailureCode):
            raise BillingFailure(kept, "a stored failure is repeated")
        return kept


def _answer(credit: FakeCredit) -> ProviderAnswer:
    kept = {"currency": credit.amount.currency.lower()}
    parts = {"pre_payment_amount": credit.lowered, "post_payment_amount": credit.amount.minor - credit.lowered}
    is_note = credit.destination is Destination.CREDIT_NOTE
    return ProviderAnswer(provider_id=credit.provider_id, kept=kept | (parts if is_note else {}))


def _changed(invoice_id: str) -> ProviderAnswer:
    return ProviderAnswer(provider_id=invoice_id, kept={"object": "invoice"})
