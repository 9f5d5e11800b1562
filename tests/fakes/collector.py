"""A payment provider's side of collecting, in memory: invoices, cards, charges, refunds and chargebacks, as Stripe keeps them.

    bank = FakeCollector()
    bank.bill("inv-1", "acme", Money.of("120.00", "USD"))
    bank.cards["acme"] = "insufficient_funds"     # what every charge of acme is answered; "paid" to begin with
    bank.next_answers.extend(["lost", "paid"])    # or what the next ones are, whoever's they are

Answers: `paid`, `processing`, any decline code, `lost` (charged, the answer never arrives), `lost-before` (the request never
arrived), `refused`, `busy`, `stored-500` (charged, and the key says 500 for ever), `stored-500-before` (the same, and nothing
was charged). None in `cards`: no payment method. `wallet` names the default one, where it is another than `pm_<tenant>`.
`charges` holds whatever money moved; `keys` every request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from activities.payment_ports import CollectibleInvoice, PaymentMethod, Reading
from activities.ports import ProviderAnswer, Wire
from billing.declines import NO_PAYMENT_METHOD
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.money import Money

_CHARGED = frozenset({"paid", "lost", "stored-500"})


@dataclass
class Billed:
    """One invoice at the provider; amounts in minor units. `back` is what refunds and lost chargebacks took."""

    invoice: CollectibleInvoice
    due: Money
    status: InvoiceStatus = InvoiceStatus.OPEN
    automatic: bool = True
    due_at: datetime | None = None
    paid: int = 0
    credited: int = 0
    back: int = 0
    undecided: int = 0
    failed_at: datetime | None = None
    reopened_at: datetime | None = None

    @property
    def remaining(self) -> int:
        if self.status not in (InvoiceStatus.OPEN, InvoiceStatus.PAID):
            return 0
        return max(0, self.due.minor - self.credited - self.paid + self.back + self.undecided)


@dataclass(frozen=True)
class Charge:
    """Money that was asked for; `settled` None while the bank has not answered."""

    charge_id: str
    invoice_id: str
    op_key: str
    amount: Money
    decline_code: str | None = None
    settled: bool = True
    method: str = ""
    at: datetime | None = None


@dataclass
class FakeCollector:
    """Satisfies `Collector`; `now` is the provider's clock."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    cards: dict[str, str | None] = field(default_factory=dict)
    wallet: dict[str, str] = field(default_factory=dict)
    next_answers: deque[str] = field(default_factory=deque)
    billed: dict[str, Billed] = field(default_factory=dict)
    charges: list[Charge] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    _answered: dict[str, Charge | str] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def bill(
        self,
        invoice_id: str,
        tenant_id: str,
        due: Money,
        *,
        usage_only: bool = False,
        automatic: bool = True,
        due_at: datetime | None = None,
    ) -> Billed:
        """An invoice is issued and stands open at the provider."""
        invoice = CollectibleInvoice(
            invoice_id=invoice_id,
            number=invoice_id.upper(),
            tenant_id=tenant_id,
            provider_invoice_id=f"in_{invoice_id}",
            provider_customer_id=f"cus_{tenant_id}",
            currency=due.currency,
            zone="UTC",
            usage_only=usage_only,
            disputed=False,
        )
        status = InvoiceStatus.OPEN if due else InvoiceStatus.PAID
        self.billed[invoice_id] = Billed(invoice, due, status=status, automatic=automatic, due_at=due_at)
        return self.billed[invoice_id]

    @property
    def taken(self) -> list[Charge]:
        """The charges that took money."""
        return [charge for charge in self.charges if charge.settled and charge.decline_code is None]

    def is_paid_elsewhere(self, invoice_id: str, minor: int | None = None) -> None:
        """The customer pays past us, all of what remains or so much of it."""
        one = self.billed[invoice_id]
        self._pays(one, one.remaining if minor is None else minor)

    def credits(self, invoice_id: str, minor: int) -> None:
        """A credit note lowers what is due."""
        one = self.billed[invoice_id]
        one.credited += minor
        self._pays(one, 0)

    def refunds(self, invoice_id: str, minor: int) -> None:
        """Money goes back beside any credit note: it is owed again."""
        one = self.billed[invoice_id]
        one.reopened_at = one.reopened_at if one.remaining else self.now()
        one.back += minor

    def gives_back_by_a_note(self, invoice_id: str, minor: int) -> None:
        """A credit note refunds what was paid: nobody owes it any more."""
        one = self.billed[invoice_id]
        one.credited += minor
        one.back += minor

    def charges_back(self, invoice_id: str) -> None:
        """The customer's bank takes what was paid, until somebody decides."""
        one = self.billed[invoice_id]
        one.reopened_at = one.reopened_at if one.remaining else self.now()
        one.undecided = one.paid - one.back

    def decides(self, invoice_id: str, *, won: bool) -> None:
        """The chargeback is decided: the money returns, or stays gone."""
        one = self.billed[invoice_id]
        one.back += 0 if won else one.undecided
        one.undecided = 0
        if not one.remaining:
            one.reopened_at = None

    def becomes(self, invoice_id: str, status: InvoiceStatus) -> None:
        """It is declared void, or uncollectible."""
        self.billed[invoice_id].status = status

    def answers(self, decline_code: str | None = None) -> None:
        """The bank answers every charge that it was still processing."""
        for number, charge in enumerate(self.charges):
            if not charge.settled:
                answered = replace(charge, decline_code=decline_code, settled=True)
                self.charges[number] = answered
                self._booked(answered)

    def forget_keys(self) -> None:
        """As after 24 hours: the same key executes anew."""
        self._answered.clear()

    def reading(self, invoice: CollectibleInvoice, now: datetime) -> Reading:
        one = self.billed[invoice.invoice_id]
        reopened = one.status is InvoiceStatus.PAID and one.remaining > 0
        due_day_over = one.due_at if one.due_at and one.due_at <= now else None
        since = one.reopened_at if reopened else one.failed_at or due_day_over
        return Reading(
            read_at=now,
            status=one.status,
            due=one.due,
            remaining=Money(minor=one.remaining, currency=one.due.currency),
            charged_automatically=one.automatic,
            reopened=reopened,
            overdue_since=since if one.remaining else None,
            charged_back=one.undecided > 0,
        )

    def methods(self, provider_customer_id: str) -> tuple[PaymentMethod, ...]:
        tenant = provider_customer_id.removeprefix("cus_")
        if self.cards.get(tenant, "paid") is None:
            return ()
        default = self.wallet.get(tenant, f"pm_{tenant}")
        return (PaymentMethod(payment_method_id=default, kind="card", last4="4242", is_default=True),)

    def declined_since(self, invoice: CollectibleInvoice, payment_method: str, since: datetime) -> datetime | None:
        theirs = [one for one in self.charges if one.invoice_id == invoice.invoice_id and one.method == payment_method]
        if any(not charge.settled for charge in theirs):
            return None
        declined = (charge.at for charge in theirs if charge.decline_code is not None and charge.at)
        return max((moment for moment in declined if moment >= since), default=None)

    def plan(
        self, effect: Effect, invoice: CollectibleInvoice, reading: Reading, payment_method: str | None = None
    ) -> Wire:
        if not reading.remaining:
            raise BillingFailure(FailureCode.INVALID, f"nothing is due on {invoice.number}")
        again = reading.status is not InvoiceStatus.OPEN
        theirs = [one.payment_method_id for one in self.methods(invoice.provider_customer_id)]
        params = {
            "invoice_id": invoice.invoice_id,
            "tenant_id": invoice.tenant_id,
            "payment_method": payment_method if payment_method in theirs else next(iter(theirs), None),
            "amount": reading.remaining.minor,
            "currency": reading.remaining.currency,
            "op_key": effect.op_key,
        }
        return Wire(call="charge_again" if again else "pay_invoice", params=params)

    def fits(self, wire: Wire, reading: Reading) -> bool:
        is_open = reading.status is InvoiceStatus.OPEN
        if wire.call == "pay_invoice":
            return is_open
        return not is_open and wire.params["amount"] <= reading.remaining.minor

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        self.keys.append(idempotency_key)
        if wire.params["payment_method"] is None:
            return self._kept(wire, wire.params["invoice_id"], NO_PAYMENT_METHOD)
        if (known := self._answered.get(idempotency_key)) is not None:
            return self._repeated(wire, known)
        answer = self.next_answers.popleft() if self.next_answers else self.cards.get(wire.params["tenant_id"], "paid")
        if answer == "busy":
            raise BillingFailure(FailureCode.PROVIDER_BUSY, "it limits our rate")
        one = self.billed[wire.params["invoice_id"]]
        amount = one.remaining if wire.call == "pay_invoice" else wire.params["amount"]
        if answer == "refused" or (wire.call == "pay_invoice" and one.status is not InvoiceStatus.OPEN):
            raise BillingFailure(FailureCode.PROVIDER_REFUSED, "Stripe refused: the invoice is not open")
        if answer in ("stored-500-before", "lost-before"):
            if answer == "stored-500-before":
                self._answered[idempotency_key] = answer
            raise BillingFailure(FailureCode.OUTCOME_UNKNOWN, "it failed inside")
        charge = self._charged(wire, Money(minor=amount, currency=one.due.currency), str(answer))
        self._answered[idempotency_key] = "stored-500" if answer == "stored-500" else charge
        if answer in ("lost", "stored-500") or not charge.settled:
            raise BillingFailure(FailureCode.OUTCOME_UNKNOWN, f"nobody knows whether it happened: {answer}")
        return self._kept(wire, charge.charge_id, charge.decline_code, charge.amount.minor)

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        if wire.params["payment_method"] is None:
            return self._kept(wire, wire.params["invoice_id"], NO_PAYMENT_METHOD)
        for charge in self.charges:
            if charge.op_key == op_key:
                if not charge.settled:
                    raise BillingFailure(FailureCode.OUTCOME_UNKNOWN, "the bank has not answered yet")
                return self._kept(wire, charge.charge_id, charge.decline_code, charge.amount.minor)
        return None

    def _repeated(self, wire: Wire, known: Charge | str) -> ProviderAnswer:
        if isinstance(known, str):
            raise BillingFailure(FailureCode.KEY_SPENT, "a stored 500 is repeated for this key")
        found = self.find(wire, known.op_key)
        assert found is not None
        return found

    def _charged(self, wire: Wire, amount: Money, answer: str) -> Charge:
        declined = None if answer in _CHARGED or answer == "processing" else answer
        charge = Charge(
            f"ch_{next(self._numbers)}",
            wire.params["invoice_id"],
            wire.params["op_key"],
            amount,
            declined,
            settled=answer != "processing",
            method=wire.params["payment_method"],
            at=self.now().replace(microsecond=0),
        )
        self.charges.append(charge)
        if charge.settled:
            self._booked(charge)
        return charge

    def _booked(self, charge: Charge) -> None:
        one = self.billed[charge.invoice_id]
        if charge.decline_code is None:
            self._pays(one, charge.amount.minor)
        elif one.failed_at is None:
            one.failed_at = self.now()

    def _pays(self, one: Billed, minor: int) -> None:
        one.paid += minor
        if one.status is InvoiceStatus.OPEN and not one.remaining:
            one.status = InvoiceStatus.PAID

    def _kept(
        self, wire: Wire, charge_id: str, decline_code: str | None = None, minor: int | None = None
    ) -> ProviderAnswer:
        amount = wire.params["amount"] if minor is None else minor
        facts = {"outcome": "declined" if decline_code else "paid", "amount_minor": amount}
        more = {"decline_code": decline_code} if decline_code else {}
        return ProviderAnswer(provider_id=charge_id, kept=facts | more | {"currency": wire.params["currency"]})
