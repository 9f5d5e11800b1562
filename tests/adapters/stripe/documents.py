"""Issued documents to push, the effect that each was recorded with, and the account at Stripe they are pushed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import stripe

from activities.effects import Sender
from activities.ports import Wire
from activities.push_ports import DocumentToPush, LineToPush
from adapters.stripe.invoices import StripeInvoices
from billing.effects import Effect, EffectKind, EffectState
from billing.month_end import case_id, invoice_op_key
from billing.policy.standard import INVOICE_PUSH
from tests.adapters.stripe.attempts import Attempts
from tests.fixtures.stripe_simulator import API_KEY, StripeSimulator

PERIOD = "2026-10"
ISSUED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def a_document(*amounts: int, tenant_id: str = "acme", **changes: Any) -> DocumentToPush:
    """A document with a line for each amount; what is due is the total unless said otherwise."""
    fields: dict[str, Any] = {
        "op_key": invoice_op_key(PERIOD, tenant_id),
        "invoice_id": f"inv-{PERIOD}-{tenant_id}",
        "number": f"INV-2026-{tenant_id}",
        "period": PERIOD,
        "tenant_id": tenant_id,
        "provider_customer_id": "cus_1",
        "charged_automatically": True,
        "currency": "USD",
        "total_minor": sum(amounts),
        "due_minor": sum(amounts),
        "issued_at": ISSUED,
        "lines": tuple(a_line(number, amount) for number, amount in enumerate(amounts, 1)),
    }
    return DocumentToPush(**(fields | changes))


def a_line(number: int, amount: int, **changes: Any) -> LineToPush:
    fields: dict[str, Any] = {
        "number": number,
        "description": f"API calls, part {number}",
        "meter": "api_calls",
        "amount_minor": amount,
        "first": date(2026, 10, 1),
        "end": date(2026, 11, 1),
    }
    return LineToPush(**(fields | changes))


def its_effect(document: DocumentToPush, **changes: Any) -> Effect:
    """As finalising recorded it."""
    fields: dict[str, Any] = {
        "op_key": document.op_key,
        "kind": EffectKind.INVOICE,
        "case_id": case_id(document.period),
        "tenant_id": document.tenant_id,
        "state": EffectState.INTENDED,
        "request": {name: getattr(document, name) for name in ("invoice_id", "total_minor", "due_minor", "currency")},
        "request_sha256": "0" * 64,
        "intended_at": document.issued_at,
    }
    return Effect(**(fields | changes))


class AtStripe:
    """An account at the simulator with one customer, and the adapter that pushes to it."""

    def __init__(
        self, simulator: StripeSimulator, *, timeout: float = 5.0, balance: int = 0, currency: str = "usd"
    ) -> None:
        self.control = simulator.control
        self.client = simulator.client()
        self.invoices = StripeInvoices(API_KEY, INVOICE_PUSH, simulator.url, timeout)
        self.customer = self.client.v1.customers.create({"name": "Acme", "email": "billing@acme.example"}).id
        if balance:
            entry = {"amount": balance, "currency": currency}
            self.client.v1.customers.balance_transactions.create(self.customer, entry)

    def document(self, *amounts: int, **changes: Any) -> DocumentToPush:
        return a_document(*amounts, **({"provider_customer_id": self.customer} | changes))

    def sender(self, document: DocumentToPush) -> Sender:
        return Sender(
            plan=lambda effect: self.invoices.plan(effect, document), send=self.invoices.send, find=self.invoices.find
        )

    def pushing(self, document: DocumentToPush, deaths: int = 0) -> Attempts:
        """The document being pushed."""
        return Attempts(self.control, its_effect(document), self.sender(document), deaths)

    def changing(self, wire: Wire, deaths: int = 0) -> Attempts:
        """An invoice that is there already being voided, written off or marked as paid."""
        effect = its_effect(self.document(1), kind=EffectKind.INVOICE_CORRECTION, op_key=OP_KEY_OF_CHANGES)
        sender = Sender(plan=lambda _: wire, send=self.invoices.send, find=self.invoices.find)
        return Attempts(self.control, effect, sender, deaths)

    def held(self) -> Sequence[stripe.Invoice]:
        """Every invoice of the customer, the oldest first."""
        return self.client.v1.invoices.list({"customer": self.customer, "limit": 100}).data[::-1]

    def lines(self, invoice: str) -> list[stripe.InvoiceLineItem]:
        return list(self.client.v1.invoices.line_items.list(invoice, {"limit": 100}).auto_paging_iter())


OP_KEY_OF_CHANGES = "reconciliation/r-1/void/in_1"
