"""How an invoice stands at Stripe as a debt: what remains of it, and what was paid and went back since.

Money that a bank or a refund beside the credit notes took back is owed again; charges that collected it a second time,
marked with the invoice they are for, pay it off. Each of them may in turn be refunded or charged back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import stripe

from activities.payment_ports import CollectibleInvoice, Reading
from adapters.stripe.client import PAGE
from adapters.stripe.standing import refunds_by_notes, status_of
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.periods import local_day, local_midnight

# Metadata of a payment intent that collects a debt again: the invoice at Stripe that it is for.
REOPENS = "reopens"

_UNDECIDED = frozenset({"needs_response", "under_review"})
_TAKEN = _UNDECIDED | {"lost"}
_GAVE_NOTHING = frozenset({"failed", "canceled"})
_OWED = frozenset({InvoiceStatus.OPEN, InvoiceStatus.PAID})


@dataclass(frozen=True)
class _Move:
    """What changed, and when, in what is owed of a paid invoice: what went back of a charge is above zero, what a note
    forgave or a further charge collected below; `undecided`: a bank took it and may have to return it."""

    amount: int
    at: int
    undecided: bool = False


def reading_of(client: stripe.StripeClient, invoice: CollectibleInvoice, now: datetime) -> Reading:
    """Read it now: a request for the invoice, its payments and their charges, and more only where money went back."""
    at_stripe = client.v1.invoices.retrieve(invoice.provider_invoice_id)
    status = status_of(at_stripe)
    charges = list(charges_of_invoice(client, invoice.provider_invoice_id))
    moves = list(_losses(client, charges))
    if moves:
        again = [charge for charge in charges_again(client, invoice) if charge.status == "succeeded"]
        moves += _losses(client, again)
        moves += (_Move(-charge.amount_captured, charge.created) for charge in again)
        # What credit notes refunded nobody owes any more.
        moves += (_Move(-amount, at) for at, amount in refunds_by_notes(client, invoice.provider_invoice_id))
    lost = max(0, sum(move.amount for move in moves))
    remaining = at_stripe.amount_remaining + lost if status in _OWED else 0
    reopened = status is InvoiceStatus.PAID and remaining > 0
    return Reading(
        read_at=now,
        status=status,
        due=Money(minor=at_stripe.amount_due, currency=at_stripe.currency.upper()),
        remaining=Money(minor=remaining, currency=at_stripe.currency.upper()),
        charged_automatically=at_stripe.collection_method == "charge_automatically",
        reopened=reopened,
        overdue_since=_since(at_stripe, charges, moves, invoice.zone, now, reopened=reopened) if remaining else None,
        charged_back=status in _OWED and any(move.undecided for move in moves),
    )


def charges_of_invoice(client: stripe.StripeClient, provider_invoice_id: str) -> Iterator[stripe.Charge]:
    """Every charge that tried to pay the invoice, failed and pending ones included."""
    payments = client.v1.invoice_payments.list({"invoice": provider_invoice_id, "limit": PAGE})
    for payment in payments.auto_paging_iter():
        if payment.payment.payment_intent is not None:
            of_intent = {"payment_intent": str(payment.payment.payment_intent), "limit": PAGE}
            yield from client.v1.charges.list(of_intent).auto_paging_iter()  # type: ignore[arg-type] # a plain dict


def charges_again(client: stripe.StripeClient, invoice: CollectibleInvoice) -> Iterator[stripe.Charge]:
    """Every charge for a debt that came back after the invoice was paid, failed and pending ones included."""
    intents = client.v1.payment_intents.list({"customer": invoice.provider_customer_id, "limit": PAGE})
    for intent in intents.auto_paging_iter():
        if (intent.to_dict().get("metadata") or {}).get(REOPENS) == invoice.provider_invoice_id:
            yield from client.v1.charges.list({"payment_intent": intent.id, "limit": PAGE}).auto_paging_iter()


def _losses(client: stripe.StripeClient, charges: Sequence[stripe.Charge]) -> Iterator[_Move]:
    for charge in charges:
        if charge.status != "succeeded":
            continue
        left = charge.amount_captured
        if charge.amount_refunded:
            for refund in client.v1.refunds.list({"charge": charge.id, "limit": PAGE}).auto_paging_iter():
                if refund.status not in _GAVE_NOTHING:
                    yield _Move(refund.amount, refund.created)
                    left -= refund.amount
        if charge.disputed:
            for dispute in client.v1.disputes.list({"charge": charge.id, "limit": PAGE}).auto_paging_iter():
                if dispute.status in _TAKEN:
                    yield _Move(min(dispute.amount, left), dispute.created, dispute.status in _UNDECIDED)


def _since(
    at_stripe: stripe.Invoice,
    charges: Sequence[stripe.Charge],
    moves: Sequence[_Move],
    zone: str,
    now: datetime,
    *,
    reopened: bool,
) -> datetime | None:
    """When what was paid was owed again; else the first charge that failed, or the end of the day it was due."""
    if reopened:
        return _moment(_rose_at(moves))
    failed = min((charge.created for charge in charges if charge.status == "failed"), default=None)
    if failed is not None:
        return _moment(failed)
    if at_stripe.due_date is None:
        return None
    end_of_day = local_midnight(local_day(_moment(at_stripe.due_date), zone) + timedelta(days=1), zone)
    return end_of_day if end_of_day <= now else None


def _rose_at(moves: Sequence[_Move]) -> int:
    """When something was owed again, after nothing was, the last time: what was settled since does not count."""
    balance, rose_at = 0, 0
    for move in sorted(moves, key=lambda move: (move.at, move.amount)):
        if balance <= 0 < balance + move.amount:
            rose_at = move.at
        balance += move.amount
    return rose_at


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
