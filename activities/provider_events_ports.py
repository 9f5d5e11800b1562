"""The ports of the provider's events, beside `activities/ports.py` and under the same rules."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from billing.payments import Receivable, RefreshOrder
from billing.provider_events import (
    Arrival,
    ArrivedEvent,
    Backlog,
    EventLine,
    EventState,
    Outcome,
    Subject,
    WaitingEvent,
)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class OurInvoice(_Record):
    """An invoice of ours that the books link to one at the provider."""

    invoice_id: str
    tenant_id: str


class Ours(_Record):
    """Which of the provider's ids are ours: tenants by customer, invoices by the provider's invoice."""

    tenants: Mapping[str, str]
    invoices: Mapping[str, OurInvoice]


class EventBook(Protocol):
    """Events as they arrived and what became of each; everything set-wise."""

    def keep(self, events: Sequence[ArrivedEvent], arrival: Arrival, now: datetime) -> tuple[str, ...]:
        """Keep them, due at once; answers the ids of those that are new. One that is here already stays as it is."""

    def due(self, limit: int, now: datetime) -> tuple[WaitingEvent, ...]:
        """Waiting events whose turn has come, the longest due first."""

    def whose(self, customers: Sequence[str], provider_invoices: Sequence[str]) -> Ours:
        """Which of these the books know."""

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Write what a try made of each. An outcome of an earlier try than the event's latest changes nothing."""

    def backlog(self, now: datetime) -> Backlog:
        """What waits, and what is parked."""

    def swept_until(self) -> datetime | None:
        """Up to which moment the provider's list was read; None before the first time."""

    def swept(self, until: datetime, found: int, now: datetime) -> None:
        """It was read up to `until`, which never moves back, and `found` events had not arrived."""

    def newest(self, state: EventState | None, tenant_id: str | None, limit: int) -> tuple[EventLine, ...]:
        """The latest to arrive, perhaps of one state or tenant only."""

    def find(self, event_id: str) -> tuple[EventLine, ArrivedEvent] | None:
        """One event with what the provider sent."""

    def retry(self, event_ids: Sequence[str], by: str, reason: str, now: datetime) -> tuple[str, ...]:
        """Have these looked at again now, whatever became of them, with all of the policy's time before them; answers those
        that are known."""

    def retry_parked(self, by: str, reason: str, now: datetime) -> int:
        """The same for every parked one; answers how many."""


class EventSource(Protocol):
    """The provider's own words about its events. Reads raise PROVIDER_BUSY or UNAVAILABLE when asking again may help."""

    def subject(self, event: ArrivedEvent) -> Subject | None:
        """What the event is about; None for a type that we do not act on. Raises INVALID for one that cannot be read."""

    def invoices_paid_by(self, payment: str) -> tuple[str, ...]:
        """The provider's ids of the invoices that a payment was for, read fresh."""

    def since(self, moment: datetime) -> Iterator[tuple[ArrivedEvent, ...]]:
        """Every event from then on of a type that we act on, page by page, in any order."""


class FreshReceivables(Protocol):
    """How invoices stand at the provider, read now; satisfied by `activities.payments.Payments`."""

    def refresh(self, order: RefreshOrder) -> tuple[Receivable, ...]:
        """Read the invoices and keep how they stand."""


class Debts(Protocol):
    """What a tenant owes by the mirror; satisfied by `ReceivablesBook`."""

    def of_tenant(self, tenant_id: str) -> tuple[Receivable, ...]:
        """The mirror of the tenant's invoices."""
