"""`InvoiceProvider` on the real Stripe API: issued documents made there, voided, written off, paid past it, and listed."""

from __future__ import annotations

from collections.abc import Iterator

import stripe

from activities.ports import ProviderAnswer, Wire
from activities.push_ports import DocumentToPush
from activities.reconciliation_ports import InvoicePage
from adapters.stripe import invoice_wires as wires
from adapters.stripe import snapshot, status_changes
from adapters.stripe.client import Pace, open_client, told_by
from adapters.stripe.invoice_drafts import finished, issued_with
from adapters.stripe.outcome import failure_of_reading, failure_of_sending
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.policy.invoice_push import InvoicePushPolicy

_KEPT = ("object", "number", "status", "currency", "total", "amount_due", "amount_remaining", "starting_balance")
_GONE = 404


class StripeInvoices:
    """Satisfies `InvoiceProvider`. `pace` keeps all workers together under Stripe's rate; see `open_client` for the rest."""

    def __init__(
        self,
        api_key: str,
        policy: InvoicePushPolicy,
        base_url: str | None = None,
        timeout: float = 10.0,
        pace: Pace | None = None,
    ) -> None:
        self._client = open_client(api_key, base_url, timeout, pace)
        self._policy = policy

    def plan(self, effect: Effect, document: DocumentToPush) -> Wire:
        return wires.invoice(effect, document, self._policy)

    def plan_void(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        with told_by(failure_of_reading):
            status = self._client.v1.invoices.retrieve(provider_invoice_id).status
        call = wires.DELETE_DRAFT if status == "draft" else wires.VOID
        return wires.change(call, provider_invoice_id, op_key, reason)

    def plan_write_off(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        return wires.change(wires.WRITE_OFF, provider_invoice_id, op_key, reason)

    def plan_paid_elsewhere(self, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
        return wires.change(wires.PAID_ELSEWHERE, provider_invoice_id, op_key, reason)

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        with told_by(failure_of_sending):
            match wire.call:
                case wires.INVOICE:
                    return _pushed(finished(self._client, wire, idempotency_key), wire)
                case wires.DELETE_DRAFT:
                    return self._without_draft(wire)
                case wires.VOID | wires.WRITE_OFF | wires.PAID_ELSEWHERE:
                    return _answer(status_changes.changed(self._client, wire, idempotency_key))
                case _:
                    raise _unknown_call(wire)

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        with told_by(failure_of_reading):
            match wire.call:
                case wires.INVOICE:
                    found = issued_with(self._client, wire, op_key)
                    return None if found is None else _pushed(found, wire)
                case wires.DELETE_DRAFT:
                    return None if self._exists(wire) else _deleted(wire)
                case wires.VOID | wires.WRITE_OFF | wires.PAID_ELSEWHERE:
                    changed = status_changes.found(self._client, wire)
                    return None if changed is None else _answer(changed)
                case _:
                    raise _unknown_call(wire)

    def pages(self, period: str, after: str | None) -> Iterator[InvoicePage]:
        return snapshot.pages(self._client, period, after)

    def _without_draft(self, wire: Wire) -> ProviderAnswer:
        """A DELETE has no key; one that finds nothing was done before."""
        try:
            self._client.v1.invoices.delete(wire.params["invoice"])
        except stripe.InvalidRequestError as error:
            if error.http_status != _GONE:
                raise
        return _deleted(wire)

    def _exists(self, wire: Wire) -> bool:
        try:
            return self._client.v1.invoices.retrieve(wire.params["invoice"]).to_dict().get("deleted") is not True
        except stripe.InvalidRequestError as error:
            if error.http_status != _GONE:
                raise
            return False


def _pushed(invoice: stripe.Invoice, wire: Wire) -> ProviderAnswer:
    """`due_apart`: the customer's balance moved while Stripe finalised; the invoice stands, reconciliation shows it."""
    answer = _answer(invoice)
    apart = invoice.amount_due - int(wire.params["due"])
    return answer.model_copy(update={"kept": answer.kept | {"due_apart": apart}}) if apart else answer


def _answer(invoice: stripe.Invoice) -> ProviderAnswer:
    """The invoice's id and the figures that say what it came to; without an id it is no answer."""
    fields = invoice.to_dict()
    return ProviderAnswer(
        provider_id=fields["id"], kept={name: fields[name] for name in _KEPT if fields.get(name) is not None}
    )


def _deleted(wire: Wire) -> ProviderAnswer:
    return ProviderAnswer(provider_id=wire.params["invoice"], kept={"status": "deleted"})


def _unknown_call(wire: Wire) -> BillingFailure:
    known = ", ".join((wires.INVOICE, wires.VOID, wires.WRITE_OFF, wires.PAID_ELSEWHERE, wires.DELETE_DRAFT))
    return BillingFailure(
        FailureCode.INVALID, f"{wire.call!r} is no call we make for invoices at Stripe: use one of {known}"
    )
