"""An issued document in Stripe's words: a draft, its lines, and what it must come to before it may be finalised.

Lines carry amounts, never unit prices: a rate below a minor unit cannot be said at Stripe, and what was rounded once is
not rounded again. Amounts are minor units as we hold them (Stripe counts yen in yen, too).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from textwrap import shorten
from typing import Any

from activities.ports import Wire
from activities.push_ports import DocumentToPush, LineToPush
from adapters.stripe.wires import OP_KEY
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.policy.invoice_push import InvoicePushPolicy

INVOICE = "invoice"
VOID = "void_invoice"
WRITE_OFF = "mark_uncollectible"
PAID_ELSEWHERE = "pay_out_of_band"
DELETE_DRAFT = "delete_draft"

# Where a line's number and a change's reason stand in metadata.
LINE_NUMBER = "line"
REASON = "reason"

# Stripe takes no more items on an invoice; how many it takes in a call is not written anywhere.
LINES_MAX = 250
LINES_A_CALL = 100

_LONGEST_DESCRIPTION = 500
_LONGEST_REASON = 400


def invoice(effect: Effect, document: DocumentToPush, policy: InvoicePushPolicy) -> Wire:
    """The whole document as one wire. A later generation first looks for what an earlier one has left behind."""
    _as_recorded(effect, document)
    if not document.provider_customer_id:
        raise BillingFailure(
            FailureCode.INVALID,
            f"tenant {document.tenant_id} has no provider_customer_id: link it to its Stripe customer, then push again",
        )
    return Wire(
        call=INVOICE,
        params={
            "draft": _draft(document, policy),
            "lines": [_line(line) for line in _folded(document)],
            "total": document.total_minor,
            "due": document.due_minor,
            "look_first": effect.generation > 1,
        },
    )


def change(call: str, provider_invoice_id: str, op_key: str, reason: str) -> Wire:
    """An invoice that exists already changes its status, for a reason that stays with it in its metadata."""
    metadata = {f"{call}_op_key": op_key, REASON: shorten(reason, _LONGEST_REASON, placeholder="…")}
    return Wire(call=call, params={"invoice": provider_invoice_id, "metadata": metadata})


def _as_recorded(effect: Effect, document: DocumentToPush) -> None:
    """What is pushed is what was finalised: its lines, its sums and what the effect was recorded with are one thing.

    The number is none of it: the books let no issued document change its number.
    """
    issued = {
        "invoice_id": document.invoice_id,
        "total_minor": document.total_minor,
        "due_minor": document.due_minor,
        "currency": document.currency,
    }
    recorded = {name: effect.request.get(name) for name in issued}
    by_lines = sum(line.amount_minor for line in document.lines)
    if recorded != issued or by_lines != document.total_minor:
        differing = [name for name in issued if recorded[name] != issued[name]] or ["lines"]
        raise BillingFailure(
            FailureCode.INVALID,
            f"invoice {document.number} is not what {effect.op_key} was recorded for ({', '.join(differing)} differ): "
            "compare it with its run, and push nothing by hand",
        )


def _draft(document: DocumentToPush, policy: InvoicePushPolicy) -> dict[str, Any]:
    """Finalised by us and mailed by us: Stripe does neither by itself, and takes no pending items along."""
    paid = (
        {"collection_method": "charge_automatically"}
        if document.charged_automatically
        else {"collection_method": "send_invoice", "days_until_due": policy.days_until_due}
    )
    return {
        "customer": document.provider_customer_id,
        "currency": document.currency.lower(),
        "number": document.number,
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "effective_at": int(document.issued_at.timestamp()),
        "metadata": {
            OP_KEY: document.op_key,
            "invoice_id": document.invoice_id,
            "number": document.number,
            "period": document.period,
            "tenant_id": document.tenant_id,
        },
        **paid,
    }


def _line(line: LineToPush) -> dict[str, Any]:
    metadata = {LINE_NUMBER: str(line.number), **({"meter": line.meter} if line.meter else {})}
    return {
        "amount": line.amount_minor,
        "description": shorten(line.description, _LONGEST_DESCRIPTION, placeholder="…"),
        "discountable": False,
        "metadata": metadata,
        **_period(line.first, line.end),
    }


def _period(first: date | None, end: date | None) -> dict[str, Any]:
    """Stripe shows both days; its end belongs to the period, ours does not."""
    if first is None or end is None:
        return {}
    return {"period": {"start": _midnight(first), "end": _midnight(end - timedelta(days=1))}}


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _folded(document: DocumentToPush) -> Sequence[LineToPush]:
    """What does not fit is one line over the sum; each of them stands on our own document."""
    lines = document.lines
    if len(lines) <= LINES_MAX:
        return lines
    rest = lines[LINES_MAX - 1 :]
    last = LineToPush(
        number=rest[0].number,
        description=f"{len(rest)} further lines, each on invoice {document.number}",
        amount_minor=sum(line.amount_minor for line in rest),
    )
    return (*lines[: LINES_MAX - 1], last)
