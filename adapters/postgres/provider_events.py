"""`EventBook`: the provider's events as they arrived, whose turn it is, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, RowMapping, select, text, update

from activities.provider_events_ports import OurInvoice, Ours
from adapters.postgres.engine import transaction
from adapters.postgres.tables import provider_events
from billing.provider_events import (
    Arrival,
    ArrivedEvent,
    Backlog,
    EventLine,
    EventState,
    Outcome,
    WaitingEvent,
)

_PROVIDER = "stripe"
_event = provider_events.c


_EVENTS, _OUTCOMES = TypeAdapter(list[ArrivedEvent]), TypeAdapter(list[Outcome])

# Whole batches come as one JSON document, which Postgres takes apart much faster than arrays of long texts.
_KEEP = text("""
    insert into provider_events
        (event_id, type, occurred_at, raw, arrival, received_at, trying_since, next_try_at)
    select event_id, type, occurred_at, raw, :arrival, :now, :now, :now
    from json_to_recordset(cast(:sent as json)) as sent (event_id text, type text, occurred_at timestamptz, raw text)
    order by event_id
    on conflict (event_id) do nothing
    returning event_id
""")

_TENANTS = text("select provider_customer_id, tenant_id from tenants where provider_customer_id = any(:customers)")

# A corrected revision may carry the same id at the provider as its first; the news is about the first.
_INVOICES = text("""
    select distinct on (provider_invoice_id) provider_invoice_id, invoice_id, tenant_id
    from invoices where provider_invoice_id = any(:invoices) order by provider_invoice_id, revision
""")

_SETTLE = text("""
    update provider_events event
    set state = tried.state, attempts = tried.attempts, why = tried.why, tenant_id = tried.tenant_id,
        next_try_at = tried.next_try_at, settled_at = case when tried.state = 'waiting' then null else :now end
    from json_to_recordset(cast(:outcomes as json)) as tried (
        event_id text, state text, attempts integer, trying_since timestamptz, tenant_id text, why text,
        next_try_at timestamptz
    )
    where event.event_id = tried.event_id and event.state = 'waiting'
        and event.attempts = tried.attempts - 1 and event.trying_since = tried.trying_since
""")

# States are written out, never bound: only then the small indexes over those that wait, and those that are parked, serve.
_DUE = text("""
    select event_id, type, occurred_at, raw, attempts, trying_since from provider_events
    where state = 'waiting' and next_try_at <= :now order by next_try_at, event_id limit :limit
""")

_BACKLOG = text("""
    select waiting.*, parked.*
    from (
        select count(*) as waiting, count(*) filter (where next_try_at <= :now) as due, min(next_try_at) as next_try_at
        from provider_events where state = 'waiting'
    ) waiting, (select count(*) as parked from provider_events where state = 'parked') parked
""")

_SWEPT_UNTIL = text("select swept_until from provider_event_sweeps where provider = :provider")

_SWEPT = text("""
    insert into provider_event_sweeps as known (provider, swept_until, swept_at, found)
    values (:provider, :until, :now, :found)
    on conflict (provider) do update set swept_until = greatest(known.swept_until, excluded.swept_until),
        swept_at = excluded.swept_at, found = excluded.found
""")


class ProviderEvents:
    """Satisfies `EventBook`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, events: Sequence[ArrivedEvent], arrival: Arrival, now: datetime) -> tuple[str, ...]:
        """See the port."""
        sent = _EVENTS.dump_json(list(events)).decode()
        with transaction(self._engine) as connection:
            kept = connection.execute(_KEEP, {"sent": sent, "arrival": arrival, "now": now})
            return tuple(kept.scalars())

    def due(self, limit: int, now: datetime) -> tuple[WaitingEvent, ...]:
        """See the port."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_DUE, {"limit": limit, "now": now}).mappings()
            return tuple(WaitingEvent.model_validate(dict(row)) for row in rows)

    def whose(self, customers: Sequence[str], provider_invoices: Sequence[str]) -> Ours:
        """See the port."""
        with transaction(self._engine) as connection:
            tenants = connection.execute(_TENANTS, {"customers": list(customers)})
            invoices = connection.execute(_INVOICES, {"invoices": list(provider_invoices)})
            return Ours(
                tenants={row.provider_customer_id: row.tenant_id for row in tenants},
                invoices={
                    row.provider_invoice_id: OurInvoice(invoice_id=row.invoice_id, tenant_id=row.tenant_id)
                    for row in invoices
                },
            )

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """See the port."""
        tried = _OUTCOMES.dump_json(list(outcomes)).decode()
        with transaction(self._engine) as connection:
            connection.execute(_SETTLE, {"outcomes": tried, "now": now})

    def backlog(self, now: datetime) -> Backlog:
        """See the port."""
        with transaction(self._engine) as connection:
            return Backlog.model_validate(dict(connection.execute(_BACKLOG, {"now": now}).mappings().one()))

    def swept_until(self) -> datetime | None:
        """See the port."""
        with transaction(self._engine) as connection:
            until: datetime | None = connection.execute(_SWEPT_UNTIL, {"provider": _PROVIDER}).scalar_one_or_none()
            return until

    def swept(self, until: datetime, found: int, now: datetime) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(_SWEPT, {"provider": _PROVIDER, "until": until, "found": found, "now": now})

    def newest(self, state: EventState | None, tenant_id: str | None, limit: int) -> tuple[EventLine, ...]:
        """See the port."""
        wanted = select(*_SHOWN).order_by(_event.received_at.desc(), _event.event_id).limit(limit)
        if state is not None:
            wanted = wanted.where(_event.state == state)
        if tenant_id is not None:
            wanted = wanted.where(_event.tenant_id == tenant_id)
        with transaction(self._engine) as connection:
            return tuple(_line(row) for row in connection.execute(wanted).mappings())

    def find(self, event_id: str) -> tuple[EventLine, ArrivedEvent] | None:
        """See the port."""
        wanted = select(*_SHOWN, _event.raw).where(_event.event_id == event_id)
        with transaction(self._engine) as connection:
            row = connection.execute(wanted).mappings().one_or_none()
        if row is None:
            return None
        return _line(row), ArrivedEvent(**{name: row[name] for name in ArrivedEvent.model_fields})

    def retry(self, event_ids: Sequence[str], by: str, reason: str, now: datetime) -> tuple[str, ...]:
        """See the port."""
        again = _again(by, reason, now).where(_event.event_id.in_(event_ids)).returning(_event.event_id)
        with transaction(self._engine) as connection:
            return tuple(connection.execute(again).scalars())

    def retry_parked(self, by: str, reason: str, now: datetime) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            return connection.execute(_again(by, reason, now).where(_event.state == EventState.PARKED)).rowcount


_SHOWN = [_event[name] for name in EventLine.model_fields]


def _line(row: RowMapping) -> EventLine:
    return EventLine(**{name: row[name] for name in EventLine.model_fields})


def _again(by: str, reason: str, now: datetime) -> Any:
    return update(provider_events).values(
        state=EventState.WAITING,
        attempts=0,
        trying_since=now,
        next_try_at=now,
        why=None,
        settled_at=None,
        retried_by=by,
        retried_because=reason,
    )
