"""`PaymentProvider` on the real Stripe API, through its SDK: never a retry of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import stripe
from stripe.params import CreditNoteCreateParams, CustomerCreateBalanceTransactionParams

from activities.ports import ProviderAnswer, Wire
from adapters.stripe import invoice_wires, status_changes, wires
from adapters.stripe.client import PAGE, open_client, told_by
from adapters.stripe.outcome import failure_of_reading, failure_of_sending
from adapters.stripe.standing import standing_of
from billing.corrections import CreditRequest, Destination
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import Deed, InvoiceStanding, StatusChange
from billing.invoices import Invoice
from billing.tenants import Tenant

_KEPT = (
    "object",
    "number",
    "amount",
    "currency",
    "pre_payment_amount",
    "post_payment_amount",
    "ending_balance",
    "status",
)


class StripeProvider:
    """Credits and changes of single invoices at Stripe. `base_url` points it at a simulator; `timeout` in seconds holds for
    each answer."""

    def __init__(self, api_key: str, base_url: str | None = None, timeout: float = 10.0) -> None:
        self._client = open_client(api_key, base_url, timeout)

    def plan_credit(self, effect: Effect, request: CreditRequest, invoice: Invoice, tenant: Tenant) -> Wire:
        """See the port. Raises INVALID when an id at Stripe is missing or its invoice cannot be credited."""
        if request.destination is Destination.NEXT_INVOICE:
            return wires.balance_credit(request, tenant)
        invoice_id = wires.provider_invoice_of(invoice)
        with told_by(failure_of_reading):
            return wires.credit_note(request, self._client.v1.invoices.retrieve(invoice_id))

    def standing(self, invoice: Invoice) -> InvoiceStanding:
        """See the port."""
        invoice_id = wires.provider_invoice_of(invoice)
        with told_by(failure_of_reading):
            return standing_of(self._client, invoice_id)

    def plan_change(self, change: StatusChange, invoice: Invoice) -> Wire:
        """See the port. Raises INVALID when its id at Stripe is missing."""
        call = invoice_wires.VOID if change.deed is Deed.VOID else invoice_wires.WRITE_OFF
        reason = f"{change.reason} ({change.requested_by}, {change.case_id})"
        return invoice_wires.change(call, wires.provider_invoice_of(invoice), change.op_key, reason)

    def send(self, wire: Wire, idempotency_key: str) -> ProviderAnswer:
        """See the port."""
        with told_by(failure_of_sending):
            if wire.call in status_changes.CHANGES:
                return _answer(status_changes.changed(self._client, wire, idempotency_key))
            return self._post(wire, {"idempotency_key": idempotency_key})

    def find(self, wire: Wire, op_key: str) -> ProviderAnswer | None:
        """See the port. A credit that somebody has voided since counts as found: what a person undid stays undone."""
        with told_by(failure_of_reading):
            if wire.call in status_changes.CHANGES:
                changed = status_changes.found(self._client, wire)
                return None if changed is None else _answer(changed)
            return next((_answer(item) for item in self._listed(wire) if _op_key(item) == op_key), None)

    def _post(self, wire: Wire, options: stripe.RequestOptions) -> ProviderAnswer:
        match wire.call:
            case wires.CREDIT_NOTE:
                note = cast(CreditNoteCreateParams, wire.params)
                return _answer(self._client.v1.credit_notes.create(note, options))
            case wires.BALANCE_TRANSACTION:
                customer, entry = _entry(wire)
                return _answer(self._client.v1.customers.balance_transactions.create(customer, entry, options))
            case _:
                raise _unknown_call(wire)

    def _listed(self, wire: Wire) -> Iterator[stripe.StripeObject]:
        match wire.call:
            case wires.CREDIT_NOTE:
                notes = self._client.v1.credit_notes.list({"invoice": wire.params["invoice"], "limit": PAGE})
                return notes.auto_paging_iter()
            case wires.BALANCE_TRANSACTION:
                customer, _ = _entry(wire)
                entries = self._client.v1.customers.balance_transactions.list(customer, {"limit": PAGE})
                return entries.auto_paging_iter()
            case _:
                raise _unknown_call(wire)


def _entry(wire: Wire) -> tuple[str, CustomerCreateBalanceTransactionParams]:
    """The customer, who stands in the path, and the rest of the parameters."""
    rest = {name: value for name, value in wire.params.items() if name != "customer"}
    return wire.params["customer"], cast(CustomerCreateBalanceTransactionParams, rest)


def _answer(item: stripe.StripeObject) -> ProviderAnswer:
    """The object's id and the figures that say what it did; without an id it is no answer."""
    fields = item.to_dict()
    kept = {name: fields[name] for name in _KEPT if fields.get(name) is not None}
    return ProviderAnswer(provider_id=fields["id"], kept=kept)


def _op_key(item: stripe.StripeObject) -> str | None:
    return (item.to_dict().get("metadata") or {}).get(wires.OP_KEY)


def _unknown_call(wire: Wire) -> BillingFailure:
    return BillingFailure(
        FailureCode.INVALID,
        f"{wire.call!r} is no call we make at Stripe: use {wires.CREDIT_NOTE}, {wires.BALANCE_TRANSACTION}, "
        f"{invoice_wires.VOID} or {invoice_wires.WRITE_OFF}",
    )
