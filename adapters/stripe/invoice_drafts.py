"""Making one invoice at Stripe: draft, lines, comparison, finalisation; what is half made is found again and finished.

Each request has a key of its own below the effect's. Under the same key Stripe repeats its first answers, so going
through all of them again after a crash changes nothing and ends where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import stripe
from stripe.params import InvoiceAddLinesParams, InvoiceCreateParams

from activities.ports import Wire
from adapters.stripe.client import PAGE
from adapters.stripe.invoice_wires import LINE_NUMBER, LINES_A_CALL
from adapters.stripe.wires import OP_KEY
from billing.failures import BillingFailure, FailureCode
from billing.money import Money

_DRAFT, _VOID = "draft", "void"


def finished(client: stripe.StripeClient, wire: Wire, key: str) -> stripe.Invoice:
    """The finalised invoice, made or finished now; raises PROVIDER_REFUSED, before anything is final, when the draft does
    not come to what our document says."""
    begun = _left_behind(client, wire) if wire.params["look_first"] else None
    if begun is not None and begun.status != _DRAFT:
        return begun
    if begun is None:
        params = cast(InvoiceCreateParams, wire.params["draft"])
        draft = client.v1.invoices.create(params, {"idempotency_key": f"{key}/draft"})
        draft = _filled(client, draft, wire, key, written=frozenset())
    else:
        _filled(client, begun, wire, key, written=_line_numbers(client, begun))
        draft = client.v1.invoices.retrieve(begun.id)
    _refuse_if_apart(draft, wire)
    return client.v1.invoices.finalize_invoice(
        draft.id, {"auto_advance": False}, {"idempotency_key": f"{key}/finalize"}
    )


def with_op_key(client: stripe.StripeClient, customer: str, op_key: str) -> Iterator[stripe.Invoice]:
    """Every invoice of the customer that carries the mark; listed, since a search lags behind."""
    for one in client.v1.invoices.list({"customer": customer, "limit": PAGE}).auto_paging_iter():
        if (one.to_dict().get("metadata") or {}).get(OP_KEY) == op_key:
            yield one


def issued_with(client: stripe.StripeClient, wire: Wire, op_key: str) -> stripe.Invoice | None:
    """The invoice that carries the mark and is past being a draft. One that somebody voided since is taken last, and
    counts: what a person undid stays undone."""
    marked = with_op_key(client, wire.params["draft"]["customer"], op_key)
    issued = [one for one in marked if one.status != _DRAFT]
    return min(issued, key=lambda one: one.status == _VOID, default=None)


def _left_behind(client: stripe.StripeClient, wire: Wire) -> stripe.Invoice | None:
    draft = wire.params["draft"]
    marked = list(with_op_key(client, draft["customer"], draft["metadata"][OP_KEY]))
    return min(marked, key=lambda one: (one.status == _VOID, one.status == _DRAFT, one.created), default=None)


def _line_numbers(client: stripe.StripeClient, draft: stripe.Invoice) -> frozenset[str]:
    lines = client.v1.invoices.line_items.list(draft.id, {"limit": PAGE}).auto_paging_iter()
    numbers = ((line.to_dict().get("metadata") or {}).get(LINE_NUMBER) for line in lines)
    return frozenset(number for number in numbers if number)


def _filled(
    client: stripe.StripeClient, draft: stripe.Invoice, wire: Wire, key: str, *, written: frozenset[str]
) -> stripe.Invoice:
    """The draft with all of its lines, as many a call as fit; lines that stand on it already are left out."""
    lines: Sequence[dict[str, Any]] = wire.params["lines"]
    for first in range(0, len(lines), LINES_A_CALL):
        missing = [line for line in lines[first : first + LINES_A_CALL] if line["metadata"][LINE_NUMBER] not in written]
        if missing:
            params = cast(InvoiceAddLinesParams, {"lines": missing})
            draft = client.v1.invoices.add_lines(
                draft.id, params, {"idempotency_key": f"{key}/lines/{1 + first // LINES_A_CALL}"}
            )
    return draft


def _refuse_if_apart(draft: stripe.Invoice, wire: Wire) -> None:
    currency = str(wire.params["draft"]["currency"]).upper()
    total, due = int(wire.params["total"]), int(wire.params["due"])
    if draft.currency.upper() != currency or draft.total != total:
        there = Money(minor=draft.total, currency=draft.currency)
        raise BillingFailure(
            FailureCode.PROVIDER_REFUSED,
            f"draft {draft.id} at Stripe comes to {there}, our document to {Money(minor=total, currency=currency)}: "
            "delete the draft there, then push again",
        )
    # The balance is the customer's of today; Stripe applies it while finalising.
    would_be_due = max(0, draft.total + draft.starting_balance)
    if total >= 0 and would_be_due != due:
        raise BillingFailure(
            FailureCode.PROVIDER_REFUSED,
            f"with the customer's balance at Stripe {Money(minor=would_be_due, currency=currency)} would be due on draft "
            f"{draft.id}, our document says {Money(minor=due, currency=currency)}: compare the balance with the credits "
            "in the books, correct the one that is wrong, then push again",
        )
