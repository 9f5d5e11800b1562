"""A provider that tells of what happens to its invoices, satisfying `EventSource`, `FreshReceivables` and `Debts`.

How an invoice stands is its own, and its events say only that something happened: whoever believed their order would be
wrong as soon as it is shuffled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from adapters.stripe.event_types import ACTED_ON
from adapters.stripe.events import subject_of
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.payments import Receivable, RefreshOrder
from billing.provider_events import ArrivedEvent, Subject

PAGE = 100
DUE = 100_00


@dataclass
class Stands:
    """One invoice at the provider."""

    provider_invoice_id: str
    tenant_id: str
    invoice_id: str
    status: InvoiceStatus = InvoiceStatus.OPEN
    remaining: int = DUE
    overdue_since: datetime | None = None
    charged_back: bool = False


@dataclass
class EventfulStripe:
    """`now` is its clock; `hiccup`, called before each reading, may raise."""

    now: Callable[[], datetime]
    hiccup: Callable[[str], None] = lambda invoice_id: None
    invoices: dict[str, Stands] = field(default_factory=dict)
    paid_by: dict[str, tuple[str, ...]] = field(default_factory=dict)
    happened: list[ArrivedEvent] = field(default_factory=list)
    mirror: dict[str, Receivable] = field(default_factory=dict)
    of_ours: dict[str, Stands] = field(default_factory=dict)
    of_tenants: dict[str, list[str]] = field(default_factory=dict)
    readings: int = 0
    _numbers: Iterator[int] = field(default_factory=count)

    def bills(self, tenant_id: str, invoice_id: str, provider_invoice_id: str) -> Stands:
        """An open invoice, nobody told of it yet."""
        stands = Stands(provider_invoice_id, tenant_id, invoice_id)
        self.invoices[provider_invoice_id] = self.of_ours[invoice_id] = stands
        self.of_tenants.setdefault(tenant_id, []).append(invoice_id)
        self.paid_by[f"pi_{provider_invoice_id}"] = (provider_invoice_id,)
        return stands

    def tells(self, event_type: str, about: dict[str, Any]) -> ArrivedEvent:
        """Something happens now, and is listed."""
        event = sent(f"evt_{next(self._numbers):06d}", event_type, about, self.now())
        self.happened.append(event)
        return event

    def tells_of_invoice(self, event_type: str, stands: Stands, **changes: Any) -> ArrivedEvent:
        """The invoice changes, and an event says so."""
        for name, value in changes.items():
            setattr(stands, name, value)
        return self.tells(event_type, about_invoice(event_type, stands.provider_invoice_id, stands.tenant_id))

    # -- EventSource -------------------------------------------------------------------------------------------------

    def subject(self, event: ArrivedEvent) -> Subject | None:
        return subject_of(event)

    def invoices_paid_by(self, payment: str) -> tuple[str, ...]:
        self.hiccup(payment)
        return self.paid_by.get(payment, ())

    def since(self, moment: datetime) -> Iterator[tuple[ArrivedEvent, ...]]:
        listed = [one for one in self.happened if one.occurred_at >= moment and one.type in ACTED_ON][::-1]
        for first in range(0, len(listed), PAGE):
            yield tuple(listed[first : first + PAGE])

    # -- FreshReceivables and Debts ----------------------------------------------------------------------------------

    def refresh(self, order: RefreshOrder) -> tuple[Receivable, ...]:
        wanted = [self.of_ours[one] for one in order.invoice_ids if one in self.of_ours]
        for one in wanted:
            self.hiccup(one.invoice_id)
            self.readings += 1
            self.mirror[one.invoice_id] = self._as_it_stands(one)
        return tuple(self.mirror[one.invoice_id] for one in wanted)

    def of_tenant(self, tenant_id: str) -> tuple[Receivable, ...]:
        return tuple(self.mirror[one] for one in self.of_tenants.get(tenant_id, ()) if one in self.mirror)

    def _as_it_stands(self, one: Stands) -> Receivable:
        return Receivable(
            invoice_id=one.invoice_id,
            number=one.invoice_id,
            tenant_id=one.tenant_id,
            provider_invoice_id=one.provider_invoice_id,
            status=one.status,
            currency="USD",
            due=Money(minor=DUE, currency="USD"),
            remaining=Money(minor=one.remaining, currency="USD"),
            overdue_since=one.overdue_since,
            charged_back=one.charged_back,
            read_at=self.now(),
        )


def busy(_: str) -> None:
    """A provider that is away."""
    raise BillingFailure(FailureCode.PROVIDER_BUSY, "Stripe did nothing: it limits our rate (429)")


def about_invoice(event_type: str, provider_invoice_id: str, tenant_id: str) -> dict[str, Any]:
    """The `data.object` of an event about an invoice, whichever object that is."""
    customer, payment = f"cus_{tenant_id}", f"pi_{provider_invoice_id}"
    match event_type.split("."):
        case ["charge", "dispute", _]:
            return {"object": "dispute", "id": f"dp_{provider_invoice_id}", "payment_intent": payment}
        case ["charge", *_]:
            charge = {"object": "charge", "id": f"ch_{provider_invoice_id}"}
            return charge | {"payment_intent": payment, "customer": customer}
        case ["refund", _]:
            return {"object": "refund", "id": f"re_{provider_invoice_id}", "payment_intent": payment}
        case ["credit_note", _]:
            return {"object": "credit_note", "id": "cn_1", "invoice": provider_invoice_id, "customer": customer}
        case ["invoice_payment", _]:
            return {"object": "invoice_payment", "id": "inpay_1", "invoice": provider_invoice_id}
        case _:
            return {"object": "invoice", "id": provider_invoice_id, "customer": customer, "metadata": {}}


def sent(event_id: str, event_type: str, about: dict[str, Any], at: datetime) -> ArrivedEvent:
    """An event as Stripe sends it."""
    body = {
        "id": event_id,
        "object": "event",
        "type": event_type,
        "created": int(at.timestamp()),
        "livemode": False,
        "data": {"object": about},
    }
    return ArrivedEvent(event_id=event_id, type=event_type, occurred_at=at.replace(microsecond=0), raw=json.dumps(body))
