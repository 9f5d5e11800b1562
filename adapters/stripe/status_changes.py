"""Changes of an invoice's status at Stripe: void, uncollectible, paid elsewhere; each leaves its reason in the metadata."""

from __future__ import annotations

from typing import cast

import stripe

from activities.ports import Wire
from adapters.stripe import invoice_wires as wires

CHANGES = frozenset({wires.VOID, wires.WRITE_OFF, wires.PAID_ELSEWHERE})
# The status that says that a change has come about.
_AFTER = {wires.VOID: "void", wires.WRITE_OFF: "uncollectible", wires.PAID_ELSEWHERE: "paid"}


def changed(client: stripe.StripeClient, wire: Wire, key: str) -> stripe.Invoice:
    """First the reason, which a finished invoice would not take any more in some of these cases; then the change."""
    invoices, invoice = client.v1.invoices, str(wire.params["invoice"])
    invoices.update(invoice, {"metadata": wire.params["metadata"]}, {"idempotency_key": f"{key}/reason"})
    options = cast(stripe.RequestOptions, {"idempotency_key": f"{key}/{wire.call}"})
    match wire.call:
        case wires.VOID:
            return invoices.void_invoice(invoice, options=options)
        case wires.WRITE_OFF:
            return invoices.mark_uncollectible(invoice, options=options)
        case _:
            return invoices.pay(invoice, {"paid_out_of_band": True}, options)


def found(client: stripe.StripeClient, wire: Wire) -> stripe.Invoice | None:
    """The invoice once its status says that the change came about, whoever made it."""
    invoice = client.v1.invoices.retrieve(wire.params["invoice"])
    return invoice if invoice.status == _AFTER[wire.call] else None
