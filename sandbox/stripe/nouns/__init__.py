"""The endpoints, one module a noun of Stripe's; importing this package registers all of them."""

from __future__ import annotations

from sandbox.stripe.nouns import (
    charges,
    credit_notes,
    customer_balance,
    customers,
    disputes,
    events,
    invoice_items,
    invoice_lines,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    refunds,
    settlement,
    webhook_endpoints,
)

__all__ = [
    "charges",
    "credit_notes",
    "customer_balance",
    "customers",
    "disputes",
    "events",
    "invoice_items",
    "invoice_lines",
    "invoice_payments",
    "invoices",
    "payment_intents",
    "payment_methods",
    "refunds",
    "settlement",
    "webhook_endpoints",
]
