"""A company whose provider tells of its invoices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from activities.provider_events import Batch, ProviderEvents, Swept
from adapters.policies import Policies
from adapters.postgres.provider_events import ProviderEvents as Book
from billing.provider_events import Arrival, ArrivedEvent, EventLine
from tests.adapters.postgres.both_sides import BothSides
from tests.fakes.events import EventfulStripe

MORNING = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PAYMENT_METHOD = {"object": "payment_method", "id": "pm_1", "customer": "cus_acme"}


@dataclass
class Feed:
    """A company whose provider tells of its invoices; `now` is turned by the test."""

    engine: Engine
    now: datetime = MORNING
    stripe: EventfulStripe = field(init=False)

    def __post_init__(self) -> None:
        self.stripe = EventfulStripe(now=lambda: self.now)
        self.book = Book(self.engine)
        self.desk = ProviderEvents(
            self.book, self.stripe, self.stripe, self.stripe, Policies(self.engine), lambda: self.now
        )

    def bills(self, *tenants: str) -> None:
        sides = BothSides(self.engine)
        for tenant in tenants:
            sides.document(tenant)
            self.stripe.bills(tenant, f"inv-2026-10-{tenant}", f"in_2026-10_{tenant}")
        sides.write_ours()

    def invoice(self, tenant: str) -> Any:
        return self.stripe.invoices[f"in_2026-10_{tenant}"]

    def hears(self, *events: ArrivedEvent) -> tuple[str, ...]:
        return self.book.keep(events, Arrival.WEBHOOK, self.now)

    def turn(self) -> Batch:
        """What the runbook does with one batch."""
        batch = self.desk.process(1_000)
        self.desk.settle(batch.outcomes)
        return batch

    def sweeps(self) -> Swept:
        return self.desk.sweep(self.now)

    def line(self, event: ArrivedEvent) -> EventLine:
        found = self.book.find(event.event_id)
        assert found is not None
        return found[0]
