"""How an invoice stands at Stripe: what was paid by charges, what of it went back, and what notes may still take off."""

from __future__ import annotations

from collections.abc import Iterator

import stripe

from adapters.stripe.client import PAGE
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import InvoiceStanding
from billing.invoices import InvoiceStatus
from billing.money import Money


def standing_of(client: stripe.StripeClient, provider_invoice_id: str) -> InvoiceStanding:
    """Read it now, a request for the invoice and each list behind it. Raises INVALID for a status that we do not know."""
    invoice = client.v1.invoices.retrieve(provider_invoice_id)
    charges = list(_charges(client, provider_invoice_id))
    collected = sum(charge.amount_captured for charge in charges)
    given_back = sum(charge.amount_refunded for charge in charges)
    credited = invoice.pre_payment_credit_notes_amount + invoice.post_payment_credit_notes_amount
    beside = max(0, given_back - refunded_by_notes(client, provider_invoice_id))

    def money(minor: int) -> Money:
        return Money(minor=minor, currency=invoice.currency.upper())

    return InvoiceStanding(
        status=status_of(invoice),
        total=money(invoice.total),
        paid=money(invoice.amount_paid),
        remaining=money(invoice.amount_remaining),
        credited=money(credited),
        refunded=money(given_back),
        creditable=money(max(0, invoice.total - credited - beside)),
        refundable=money(max(0, collected - given_back)),
    )


def status_of(invoice: stripe.Invoice) -> InvoiceStatus:
    """Its status in our words; raises INVALID for one that we do not know, naming the invoice."""
    try:
        return InvoiceStatus(str(invoice.status))
    except ValueError:
        raise BillingFailure(
            FailureCode.INVALID, f"invoice {invoice.id} at Stripe has the status {invoice.status!r}, which is unknown"
        ) from None


def _charges(client: stripe.StripeClient, invoice: str) -> Iterator[stripe.Charge]:
    """The successful charges that paid the invoice; what was paid past Stripe has none."""
    payments = client.v1.invoice_payments.list({"invoice": invoice, "status": "paid", "limit": PAGE})
    for payment in payments.auto_paging_iter():
        intent = payment.payment.payment_intent
        if intent is None:
            continue
        of_intent = client.v1.charges.list({"payment_intent": str(intent), "limit": PAGE})
        yield from (charge for charge in of_intent.auto_paging_iter() if charge.status == "succeeded")


def refunded_by_notes(client: stripe.StripeClient, invoice: str) -> int:
    """What the invoice's credit notes gave back to the payment method, in minor units."""
    return sum(amount for _, amount in refunds_by_notes(client, invoice))


def refunds_by_notes(client: stripe.StripeClient, invoice: str) -> Iterator[tuple[int, int]]:
    """The same one by one: when the note was issued, and how much it gave back."""
    notes = client.v1.credit_notes.list({"invoice": invoice, "limit": PAGE})
    for note in notes.auto_paging_iter():
        if note.status == "issued":
            yield from ((note.created, refund.amount_refunded) for refund in note.refunds)
