"""A credit in Stripe's words: a credit note on the invoice, or an entry in the customer's balance.

Amounts are minor units as we hold them (Stripe counts yen in yen, too); in the balance a negative amount is a credit.
"""

from __future__ import annotations

from textwrap import shorten
from typing import Literal, assert_never

import stripe

from activities.ports import Wire
from billing.corrections import CreditRequest
from billing.disputes import Category
from billing.failures import BillingFailure, FailureCode
from billing.invoices import Invoice
from billing.policy.credits import Payback
from billing.tenants import Tenant

CREDIT_NOTE = "credit_note"
BALANCE_TRANSACTION = "customer_balance_transaction"

# Where the op_key stands in an object's metadata, by which the object is found again.
OP_KEY = "op_key"

_ISSUED = frozenset({"open", "paid", "uncollectible"})
_LONGEST_TEXT = 350  # of a description or memo

# Under which parameter of a credit note the paid part goes back.
_WAY_BACK = {Payback.REFUND: "refund_amount", Payback.BALANCE: "credit_amount", Payback.NEXT_INVOICE: "credit_amount"}

Reason = Literal["duplicate", "fraudulent", "order_change", "product_unsatisfactory"]


def balance_credit(request: CreditRequest, tenant: Tenant) -> Wire:
    """The entry that lowers the customer's next invoice."""
    customer = tenant.provider_customer_id
    if not customer:
        raise BillingFailure(
            FailureCode.INVALID,
            f"tenant {tenant.tenant_id} has no provider_customer_id: link it to its Stripe customer, then try again",
        )
    return Wire(
        call=BALANCE_TRANSACTION,
        params={
            "customer": customer,
            "amount": -request.amount.minor,
            "currency": request.amount.currency.lower(),
            "description": shorten(request.reason, _LONGEST_TEXT, placeholder="…"),
            "metadata": _metadata(request),
        },
    )


def provider_invoice_of(invoice: Invoice) -> str:
    """The id of the invoice at Stripe; raises INVALID without one."""
    if not invoice.provider_invoice_id:
        raise BillingFailure(
            FailureCode.INVALID,
            f"invoice {invoice.number} has no provider_invoice_id: link it to its Stripe invoice, then try again",
        )
    return invoice.provider_invoice_id


def credit_note(request: CreditRequest, at_stripe: stripe.Invoice) -> Wire:
    """The note on the invoice as it stands at Stripe: what is unpaid is reduced; what is paid goes to the balance, or back to
    the payment method, as the request says. The parts must sum to what was paid of it, or Stripe refuses.

    Stripe mails its own copy unless told not to; the customer hears from us, once.
    """
    _creditable(request, at_stripe)
    paid_part = request.amount.minor - min(request.amount.minor, at_stripe.amount_remaining)
    return Wire(
        call=CREDIT_NOTE,
        params={
            "invoice": at_stripe.id,
            "amount": request.amount.minor,
            **({_WAY_BACK[request.payback]: paid_part} if paid_part else {}),
            "reason": _reason(request.category),
            "memo": shorten(request.reason, _LONGEST_TEXT, placeholder="…"),
            "email_type": "none",
            "metadata": _metadata(request),
        },
    )


def _creditable(request: CreditRequest, at_stripe: stripe.Invoice) -> None:
    if at_stripe.status not in _ISSUED:
        raise BillingFailure(
            FailureCode.INVALID,
            f"Stripe invoice {at_stripe.id} is {at_stripe.status}: a credit note needs an issued one; "
            "credit the next invoice instead",
        )
    if at_stripe.currency.upper() != request.amount.currency:
        raise BillingFailure(
            FailureCode.INVALID,
            f"Stripe invoice {at_stripe.id} is in {at_stripe.currency.upper()}, the credit in {request.amount.currency}: "
            "correct the invoice's provider_invoice_id",
        )


def _metadata(request: CreditRequest) -> dict[str, str]:
    """What lets a person at Stripe find the case, and us the object (C5)."""
    return {OP_KEY: request.op_key, "ticket_id": request.ticket_id, "period": str(request.period)}


def _reason(category: Category) -> Reason:
    """The nearest of the four reasons that Stripe knows."""
    match category:
        case Category.USAGE_CALCULATION:
            return "duplicate"
        case Category.UNAUTHORIZED_USAGE:
            return "fraudulent"
        case Category.SERVICE_QUALITY:
            return "product_unsatisfactory"
        case Category.PRICING:
            return "order_change"
        case _:
            assert_never(category)
