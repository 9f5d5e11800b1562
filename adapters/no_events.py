"""A payment provider that tells of nothing, where events are no part of what runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from billing.provider_events import ArrivedEvent, Subject


class NoEvents:
    """Satisfies `EventSource`: nothing is listed, and no event is of a type that anybody acts on."""

    def subject(self, event: ArrivedEvent) -> Subject | None:
        """See the port."""
        return None

    def invoices_paid_by(self, payment: str) -> tuple[str, ...]:
        """See the port."""
        return ()

    def since(self, moment: datetime) -> Iterator[tuple[ArrivedEvent, ...]]:
        """See the port."""
        return iter(())
