"""`Collector` on the real Stripe API: an open invoice is paid there; what was paid and went back is charged anew.

Stripe charges what remains of an invoice at that moment, and never a paid one. A charge of a re-opened debt carries its
amount, the op_key by which it is found again, and the invoice that it is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, cast

import stripe
from stripe.params import PaymentIntentCreateParams

from activities.payment_ports import CollectibleInvoice, PaymentMethod, Reading
from activities.ports import ProviderAnswer, Wire
from adapters.stripe.client import PAGE, Pace, open_client, told_by
from adapters.stripe.outcome import failure_of_reading, failure_of_sending
from adapters.stripe.receivables import REOPENS, charges_again, charges_of_invoice, reading_of
from adapters.stripe.wires import OP_KEY
from billing.declines import NO_PAYMENT_METHOD
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.payments import Outcome

PAY_INVOICE = "pay_invoice"
CHARGE_AGAIN = "charge_again"

_NOT_ANSWERED = "the bank has not answered yet: the payment is being processed"
# Stripe's general word for a decline, and for one that only the customer can lift; our table knows their decline codes.
_AS_DECLINE_CODE = {
    "card_declined": "generic_decline",
    "invoice_payment_intent_requires_action": "authentication_required",
    "payment_intent_authentication_failure": "authentication_required",
}


class StripeCollector:
    """Satisfies `Collector`; see `open_client` for the parameters."""

    def __init__(
        self, api_key: str, base_url: str | None = None, timeout: float = 10.0, pace: Pace | None = None
    ) -> None:
        self._client = open_client(api_key, base_url, timeout, pace)

    def reading(self, invoice: CollectibleInvoice, now: datetime) -> Reading:
        with told_by(failure_of_reading):
            return reading_of(self._client, invoice, now)

    def methods(self, provider_customer_id: str) -> tuple[PaymentMethod, ...]:
        with told_by(failure_of_reading):
            customer = self._client.v1.customers.retrieve(provider_customer_id).to_dict()
            listed = self._client.v1.payment_methods.list({"customer": provider_customer_id, "limit": PAGE})
            default = (customer.get("invoice_settings") or {}).get("default_payment_method")
            found = [_method(one.to_dict(), str(default)) for one in listed.auto_paging_iter()]
        return tuple(sorted(found, key=lambda one: not one.is_default))

    def declined_since(self, invoice: CollectibleInvoice, payment_method: str, since: datetime) -> datetime | None:
        with told_by(failure_of_reading):
            charges = chain(
                charges_of_invoice(self._client, invoice.provider_invoice_id), charges_again(self._client, invoice)
            )
            theirs = [one for one in charges if one.payment_method == payment_method]
        if any(charge.status == "pending" for charge in theirs):
            return None
        declined = (datetime.fromtimestamp(charge.created, UTC) for charge in theirs if charge.status == "failed")
        # Both are kept in whole seconds, and what came is charged after it came, be it in the same second.
        return max((moment for moment in declined if moment >= since), default=None)

    def plan(
        self, effect: Effect, invoice: CollectibleInvoice, reading: Reading, payment_method: str | None = None
    ) -> Wire:
        """See the port. What was charged before is frozen too: a charge beside it is the one that was asked for."""
        if not reading.remaining:
            raise BillingFailure(FailureCode.INVALID, f"nothing is due on {invoice.number}: it is {reading.status}")
        about = {"payment_method": self._method_for(invoice, payment_method), "currency": reading.remaining.currency}
        due = {"amount": reading.remaining.minor, "invoice": invoice.provider_invoice_id}
        if reading.status is not InvoiceStatus.OPEN:
            return Wire(call=CHARGE_AGAIN, params=about | due | _again(effect, invoice))
        with told_by(failure_of_reading):
            seen = sorted(charge.id for charge in charges_of_invoice(self._client, invoice.provider_invoice_id))
        return Wire(call=PAY_INVOICE, params=about | due | {"seen": seen})

    def fits(self, wire: Wire, reading: Reading) -> bool:
        """See the port. Stripe itself charges no more than remains of an open invoice."""
        if wire.call == PAY_INVOICE:
            return reading.status is InvoiceStatus.OPEN
        return reading.status is not InvoiceStatus.OPEN and wire.params["amount"] <= reading.remaining.minor

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        if wire.params["payment_method"] is None:
            return _without_method(wire)
        with told_by(failure_of_sending):
            try:
                self._charge(wire, {"idempotency_key": idempotency_key})
            except stripe.CardError as error:
                return _declined(wire, error)
        found = self.find(wire, str(wire.params.get("op_key", "")))
        if found is None:
            raise BillingFailure(FailureCode.OUTCOME_UNKNOWN, "Stripe said that it charged, and shows no charge")
        return found

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        if wire.params["payment_method"] is None:
            return _without_method(wire)
        with told_by(failure_of_reading):
            return _answer(wire, list(self._charges(wire, op_key)))

    def _method_for(self, invoice: CollectibleInvoice, asked_for: str | None) -> str | None:
        """The one that was asked for while it is the customer's, else their default, else any."""
        theirs = [one.payment_method_id for one in self.methods(invoice.provider_customer_id)]
        return asked_for if asked_for in theirs else next(iter(theirs), None)

    def _charge(self, wire: Wire, options: stripe.RequestOptions) -> None:
        match wire.call:
            case "pay_invoice":
                paying = self._client.v1.invoices.pay
                paying(
                    wire.params["invoice"],
                    {"payment_method": wire.params["payment_method"], "off_session": True},
                    options,
                )
            case "charge_again":
                self._client.v1.payment_intents.create(_intent(wire), options)
            case _:
                raise BillingFailure(
                    FailureCode.INVALID,
                    f"{wire.call!r} is no call we make to collect: use {PAY_INVOICE} or {CHARGE_AGAIN}",
                )

    def _charges(self, wire: Wire, op_key: str) -> Iterator[stripe.Charge]:
        """The charges that the wire led to, and nothing that was there before."""
        if wire.call == PAY_INVOICE:
            known = frozenset(wire.params["seen"])
            there = charges_of_invoice(self._client, wire.params["invoice"])
            yield from (charge for charge in there if charge.id not in known)
            return
        intents = self._client.v1.payment_intents.list({"customer": wire.params["customer"], "limit": PAGE})
        for intent in intents.auto_paging_iter():
            if (intent.to_dict().get("metadata") or {}).get(OP_KEY) == op_key:
                yield from self._client.v1.charges.list({"payment_intent": intent.id, "limit": PAGE}).auto_paging_iter()


def _again(effect: Effect, invoice: CollectibleInvoice) -> dict[str, Any]:
    metadata = {
        OP_KEY: effect.op_key,
        REOPENS: invoice.provider_invoice_id,
        "invoice_id": invoice.invoice_id,
        "tenant_id": invoice.tenant_id,
    }
    return {
        "op_key": effect.op_key,
        "customer": invoice.provider_customer_id,
        "description": f"Invoice {invoice.number}",
        "metadata": metadata,
    }


def _intent(wire: Wire) -> PaymentIntentCreateParams:
    asked = {name: wire.params[name] for name in ("amount", "customer", "payment_method", "description", "metadata")}
    how = {"confirm": True, "off_session": True}
    ways = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
    return cast(PaymentIntentCreateParams, asked | how | ways | {"currency": wire.params["currency"].lower()})


def _answer(wire: Wire, charges: Sequence[stripe.Charge]) -> ProviderAnswer | None:
    """A success counts before anything else, a bank that has not answered before a decline; None without a charge."""
    for charge in charges:
        if charge.status == "succeeded":
            return _kept(charge.id, Outcome.PAID, charge.amount_captured, wire)
    if any(charge.status == "pending" for charge in charges):
        raise BillingFailure(FailureCode.OUTCOME_UNKNOWN, _NOT_ANSWERED)
    latest = max(charges, key=lambda charge: charge.created, default=None)
    if latest is None:
        return None
    reason = getattr(latest.outcome, "reason", None) or latest.failure_code or "card_declined"
    return _kept(latest.id, Outcome.DECLINED, wire.params["amount"], wire, decline_code=_code(reason))


def _declined(wire: Wire, error: stripe.CardError) -> ProviderAnswer:
    told = error.error
    code = getattr(told, "decline_code", None) or getattr(told, "code", None) or "card_declined"
    charge = getattr(told, "charge", None) or wire.params["invoice"]
    return _kept(str(charge), Outcome.DECLINED, wire.params["amount"], wire, decline_code=_code(code))


def _without_method(wire: Wire) -> ProviderAnswer:
    """Nobody was asked: there is nothing on record that could be charged."""
    return _kept(wire.params["invoice"], Outcome.DECLINED, wire.params["amount"], wire, decline_code=NO_PAYMENT_METHOD)


def _kept(provider_id: str, outcome: Outcome, amount: int, wire: Wire, **more: str) -> ProviderAnswer:
    facts = {"outcome": outcome.value, "amount_minor": amount, "currency": wire.params["currency"]}
    return ProviderAnswer(provider_id=provider_id, kept=facts | more)


def _code(word: str) -> str:
    return _AS_DECLINE_CODE.get(word, word)


def _method(fields: dict[str, Any], default: str) -> PaymentMethod:
    kind = str(fields["type"])
    return PaymentMethod(
        payment_method_id=fields["id"],
        kind=kind,
        last4=(fields.get(kind) or {}).get("last4"),
        is_default=fields["id"] == default,
    )
