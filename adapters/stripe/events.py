"""Stripe's events in our words: which we act on, what each is about, and those that Stripe still lists.

Of a payload only ids are read, never a state or an amount.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import stripe

from adapters.stripe.client import PAGE, Pace, open_client, told_by
from adapters.stripe.event_types import ACTED_ON
from adapters.stripe.outcome import failure_of_reading
from adapters.stripe.receivables import REOPENS
from adapters.stripe.wires import OP_KEY
from billing.failures import BillingFailure, FailureCode
from billing.provider_events import ArrivedEvent, Subject


def subject_of(event: ArrivedEvent) -> Subject | None:
    """What the event is about; None for a type that we do not act on. Raises INVALID for one that cannot be read."""
    kind = ACTED_ON.get(event.type)
    if kind is None:
        return None
    about = _object(event)
    match about.get("object"):
        case "invoice":
            mark = OP_KEY in (about.get("metadata") or {})
            return Subject(
                kind=kind, customer=_id(about, "customer"), provider_invoice=_id(about, "id"), marked_ours=mark
            )
        case "credit_note" | "invoice_payment":
            return Subject(kind=kind, customer=_id(about, "customer"), provider_invoice=_id(about, "invoice"))
        case "charge" | "refund" | "dispute":
            return Subject(kind=kind, customer=_id(about, "customer"), payment=_id(about, "payment_intent"))
        case "payment_method":
            return Subject(kind=kind, customer=_id(about, "customer"), payment_method=_id(about, "id"))
        case "customer":
            return Subject(kind=kind, customer=_id(about, "id"), payment_method=_new_default(event))
        case _:
            raise _unreadable(event, "data.object is none of the objects that such an event is about")


class StripeEvents:
    """Satisfies `EventSource`. `base_url` points it at a simulator; `timeout` in seconds holds for each answer."""

    def __init__(
        self, api_key: str, base_url: str | None = None, timeout: float = 10.0, pace: Pace | None = None
    ) -> None:
        self._client = open_client(api_key, base_url, timeout, pace)

    def subject(self, event: ArrivedEvent) -> Subject | None:
        """See the port."""
        return subject_of(event)

    def invoices_paid_by(self, payment: str) -> tuple[str, ...]:
        """See the port."""
        with told_by(failure_of_reading):
            listed = self._client.v1.invoice_payments.list(
                {"payment": {"type": "payment_intent", "payment_intent": payment}, "limit": PAGE}
            )
            paid = tuple(dict.fromkeys(str(one.invoice) for one in listed.auto_paging_iter()))
            return paid or self._collected_again_by(payment)

    def _collected_again_by(self, payment: str) -> tuple[str, ...]:
        """The invoice for which the payment collected a debt again: Stripe knows of no payment of a paid invoice."""
        try:
            intent = self._client.v1.payment_intents.retrieve(payment).to_dict()
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                return ()
            raise
        invoice = _id(intent.get("metadata") or {}, REOPENS)
        return (invoice,) if invoice else ()

    def since(self, moment: datetime) -> Iterator[tuple[ArrivedEvent, ...]]:
        """See the port; the newest first, as Stripe lists them."""
        asked: Any = {"created": {"gte": int(moment.timestamp())}, "types": list(ACTED_ON), "limit": PAGE}
        while True:
            with told_by(failure_of_reading):
                listed = self._client.v1.events.list(asked)
                page = tuple(_arrived(one) for one in listed.data)
            if page:
                yield page
            if not listed.has_more or not listed.data:
                return
            asked = {**asked, "starting_after": listed.data[-1].id}


def _arrived(event: stripe.Event) -> ArrivedEvent:
    fields = event.to_dict()
    return ArrivedEvent(
        event_id=fields["id"],
        type=fields["type"],
        occurred_at=datetime.fromtimestamp(fields["created"], UTC),
        # The SDK reads decimals that Stripe writes as text; they are text again.
        raw=json.dumps(fields, default=str, ensure_ascii=False),
    )


def _object(event: ArrivedEvent) -> dict[str, Any]:
    try:
        about = json.loads(event.raw)["data"]["object"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _unreadable(event, "it has no data.object") from None
    if not isinstance(about, dict):
        raise _unreadable(event, "data.object is no object")
    return about


def _new_default(event: ArrivedEvent) -> str | None:
    """The payment method that this change of a customer made the default."""
    data = json.loads(event.raw)["data"]
    now, before = (_object_in(data.get(name), "invoice_settings") for name in ("object", "previous_attributes"))
    chosen = _id(now, "default_payment_method")
    changed = "default_payment_method" in before and _id(before, "default_payment_method") != chosen
    return chosen if changed else None


def _object_in(about: object, name: str) -> Mapping[str, Any]:
    value = about.get(name) if isinstance(about, dict) else None
    return value if isinstance(value, dict) else {}


def _id(about: Mapping[str, Any], name: str) -> str | None:
    """An id, also where the object itself stands in its place."""
    value = about.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    # Whatever else stands there is no id of Stripe's, and might be none that a database can be asked for.
    return value if isinstance(value, str) and value.isascii() and value.isprintable() and value else None


def _unreadable(event: ArrivedEvent, why: str) -> BillingFailure:
    return BillingFailure(FailureCode.INVALID, f"{event.type} cannot be read: {why}")
