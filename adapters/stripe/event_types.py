"""Which events of Stripe we act on, and what kind of news each is: what an endpoint at Stripe has to be told."""

from __future__ import annotations

from collections.abc import Mapping

from billing.provider_events import NewsKind

# Stripe lists at most twenty types at once, and the sweep asks for all of these. Money that credit notes, refunds and
# banks move changes what is owed as well as a payment does.
ACTED_ON: Mapping[str, NewsKind] = {
    "invoice.finalized": NewsKind.INVOICE,
    "invoice.paid": NewsKind.INVOICE,
    "invoice.payment_succeeded": NewsKind.INVOICE,
    "invoice.payment_failed": NewsKind.INVOICE,
    "invoice.voided": NewsKind.INVOICE,
    "invoice.marked_uncollectible": NewsKind.INVOICE,
    "invoice_payment.paid": NewsKind.INVOICE,
    "credit_note.created": NewsKind.INVOICE,
    "credit_note.voided": NewsKind.INVOICE,
    "payment_method.attached": NewsKind.PAYMENT_METHOD,
    "payment_method.updated": NewsKind.PAYMENT_METHOD,
    "payment_method.automatically_updated": NewsKind.PAYMENT_METHOD,
    "charge.refunded": NewsKind.REFUND,
    "refund.failed": NewsKind.REFUND,
    "charge.dispute.created": NewsKind.CHARGEBACK,
    "charge.dispute.funds_withdrawn": NewsKind.CHARGEBACK,
    "charge.dispute.funds_reinstated": NewsKind.CHARGEBACK,
    "charge.dispute.closed": NewsKind.CHARGEBACK,
    "customer.updated": NewsKind.CUSTOMER,
}
