"""Customers and invoices at the simulator in a few words, made through the SDK as anybody would."""

from __future__ import annotations

import stripe

VISA = "pm_card_visa"


class Books:
    """What a test needs to exist before it acts. Amounts are minor units."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def customer(self, card: str | None = VISA, balance: int = 0, currency: str = "usd") -> stripe.Customer:
        """A customer with a default card and a balance, negative for a credit."""
        customer = self._client.v1.customers.create({"name": "Northwind", "email": "billing@northwind.example"})
        if card is not None:
            method = self._client.v1.payment_methods.attach(card, {"customer": customer.id})
            settings: dict[str, str] = {"default_payment_method": method.id}
            self._client.v1.customers.update(customer.id, {"invoice_settings": settings})
        if balance:
            entry = {"amount": balance, "currency": currency}
            self._client.v1.customers.balance_transactions.create(customer.id, entry)
        return self._client.v1.customers.retrieve(customer.id)

    def draft(self, *amounts: int, customer: str | None = None, currency: str = "usd") -> stripe.Invoice:
        """A draft with a line for each amount."""
        customer = customer or self.customer().id
        draft = self._client.v1.invoices.create({"customer": customer, "currency": currency})
        if amounts:
            lines = [{"amount": amount, "description": f"usage {n}"} for n, amount in enumerate(amounts, 1)]
            self._client.v1.invoices.add_lines(draft.id, {"lines": lines})
        return self._client.v1.invoices.retrieve(draft.id)

    def open(self, *amounts: int, customer: str | None = None, currency: str = "usd") -> stripe.Invoice:
        """A finalised invoice."""
        return self._client.v1.invoices.finalize_invoice(self.draft(*amounts, customer=customer, currency=currency).id)

    def paid(self, *amounts: int, customer: str | None = None, currency: str = "usd") -> stripe.Invoice:
        """An invoice paid by card."""
        return self._client.v1.invoices.pay(self.open(*amounts, customer=customer, currency=currency).id)

    def charge_of(self, invoice: stripe.Invoice) -> stripe.Charge:
        """The charge that paid an invoice."""
        payments = self._client.v1.invoice_payments.list({"invoice": invoice.id, "status": "paid"})
        intent = payments.data[0].payment.payment_intent
        return self._client.v1.charges.list({"payment_intent": str(intent)}).data[0]

    def events(self) -> list[str]:
        """Types of all events, oldest first."""
        return [event.type for event in self._client.v1.events.list({"limit": 100}).data][::-1]
