"""A tenant's own usage as the portal shows it: by month and day from the roll-up, below that from the raw events (D14).

Every statement is about one tenant, runs along the covering index of the events, reads at most 31 days, and is stopped
when it takes too long: a customer's click must never cost the investigation its database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, Engine, select, text, tuple_

from adapters.postgres.engine import transaction
from adapters.postgres.invoices import NOT_IN_FORCE
from adapters.postgres.tables import usage_events
from billing.failures import BillingFailure, FailureCode
from billing.periods import Span, known_month

# 31 days of which one has 25 hours.
LONGEST_SPAN = timedelta(days=31, hours=1)
SLOWEST_MS = 5_000
MONTHS_MAX = 36
ROUTES_MAX = 50
EVENTS_MAX = 200


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class Meter(_Row):
    """What a meter counts: its unit in the singular and a few words."""

    meter: str
    unit: str
    description: str


class DayUsage(_Row):
    """What the roll-up holds for one local day of one meter: what the invoice was rated from."""

    meter: str
    day: date
    quantity: Decimal
    events: int


class SpanUsage(_Row):
    """Raw events of a span."""

    span: Span
    quantity: Decimal
    events: int


class RouteUsage(_Row):
    """Raw events of one route and model; `model` None where the route has none."""

    route: str
    model: str | None
    quantity: Decimal
    events: int


class RouteShares(_Row):
    """The routes and models that used most, and how many more there are."""

    largest: tuple[RouteUsage, ...]
    more: int


class UsageEvent(_Row):
    """One raw event."""

    event_id: UUID
    event_time: datetime
    route: str
    model: str | None
    quantity: Decimal
    trace_id: UUID


class Selection(NamedTuple):
    """Which events of a meter are meant: those of a span and, when `route` is given, of that route and model."""

    span: Span
    route: str | None = None
    model: str | None = None


_MONTHS = text("""
    select month from (
        select to_char(day, 'YYYY-MM') as month from usage_daily where tenant_id = :tenant
        union
        select period from invoices where tenant_id = :tenant and status <> all(:not_in_force)
    ) as known
    order by month desc limit :most
""")

_DAILY = text("""
    select meter, day, quantity, events from usage_daily
    where tenant_id = :tenant and day >= :first and day < (cast(:first as date) + interval '1 month')
    order by meter, day
""")

# One range of the covering index for each span, so that no event's hour is computed.
_SPANS = text("""
    select starts, ends, raw.quantity, raw.events
    from unnest(cast(:starts as timestamptz[]), cast(:ends as timestamptz[])) as span(starts, ends)
    cross join lateral (
        select coalesce(sum(quantity), 0) as quantity, count(*) as events from usage_events
        where tenant_id = :tenant and meter = :meter and event_time >= starts and event_time < ends
    ) as raw
    order by starts
""")

_ROUTES = text("""
    select route, model, sum(quantity) as quantity, count(*) as events, count(*) over () as groups
    from usage_events
    where tenant_id = :tenant and meter = :meter and event_time >= :starts and event_time < :ends
    group by route, model
    order by sum(quantity) desc, route, model nulls first
    limit :most
""")


class UsageView:
    """Reads of usage for the customer it belongs to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def months(self, tenant_id: str) -> list[str]:
        """The newest billing months with usage or an issued invoice, the newest first."""
        asked = {"tenant": tenant_id, "not_in_force": list(NOT_IN_FORCE), "most": MONTHS_MAX}
        with self._hurried() as connection:
            return list(connection.execute(_MONTHS, asked).scalars())

    def meters(self) -> dict[str, Meter]:
        """Every meter there is, by name."""
        with self._hurried() as connection:
            rows = connection.execute(text("select meter, unit, description from meters")).mappings()
            return {row["meter"]: Meter.model_validate(dict(row)) for row in rows}

    def daily(self, tenant_id: str, month: str) -> list[DayUsage]:
        """The rolled-up days of a month, by meter and day; days without usage are left out."""
        first = date.fromisoformat(f"{known_month(month)}-01")
        with self._hurried() as connection:
            rows = connection.execute(_DAILY, {"tenant": tenant_id, "first": first}).mappings()
            return [DayUsage.model_validate(dict(row)) for row in rows]

    def within(self, tenant_id: str, meter: str, spans: Sequence[Span]) -> list[SpanUsage]:
        """The raw usage of each span, such as the hours of a day, in the order of time."""
        starts, ends = [span.start for span in spans], [span.end for span in spans]
        _refuse_long(Span(start=min(starts), end=max(ends)))
        asked = {"tenant": tenant_id, "meter": meter, "starts": starts, "ends": ends}
        with self._hurried() as connection:
            return [
                SpanUsage(span=Span(start=row.starts, end=row.ends), quantity=row.quantity, events=row.events)
                for row in connection.execute(_SPANS, asked)
            ]

    def routes(self, tenant_id: str, meter: str, span: Span) -> RouteShares:
        """The raw usage of a span by route and model, the largest first."""
        _refuse_long(span)
        asked = {"tenant": tenant_id, "meter": meter, "starts": span.start, "ends": span.end, "most": ROUTES_MAX}
        with self._hurried() as connection:
            rows = connection.execute(_ROUTES, asked).mappings().all()
        largest = tuple(RouteUsage.model_validate(dict(row)) for row in rows)
        return RouteShares(largest=largest, more=rows[0]["groups"] - len(rows) if rows else 0)

    def events(
        self, tenant_id: str, meter: str, wanted: Selection, *, after: tuple[datetime, UUID] | None = None
    ) -> list[UsageEvent]:
        """Up to `EVENTS_MAX` raw events by time, those behind `after` (the last one's time and id) when it is given."""
        _refuse_long(wanted.span)
        event = usage_events.c
        found = (
            select(event.event_id, event.event_time, event.route, event.model, event.quantity, event.trace_id)
            .where(event.tenant_id == tenant_id, event.meter == meter)
            .where(event.event_time >= wanted.span.start, event.event_time < wanted.span.end)
            .order_by(event.event_time, event.event_id)
            .limit(EVENTS_MAX)
        )
        if wanted.route is not None:
            found = found.where(event.route == wanted.route, event.model.is_not_distinct_from(wanted.model))
        if after is not None:
            # The row comparison goes on exactly behind the last event shown, however many share its moment; the index
            # only knows where to begin from the time alone.
            found = found.where(event.event_time >= after[0], tuple_(event.event_time, event.event_id) > tuple_(*after))
        with self._hurried() as connection:
            return [UsageEvent.model_validate(dict(row)) for row in connection.execute(found).mappings()]

    @contextmanager
    def _hurried(self) -> Iterator[Connection]:
        """A transaction whose statements are stopped, as UNAVAILABLE, when they take too long."""
        with transaction(self._engine) as connection:
            connection.execute(text(f"set local statement_timeout = {SLOWEST_MS}"))
            yield connection


def _refuse_long(span: Span) -> None:
    if span.length > LONGEST_SPAN:
        raise BillingFailure(
            FailureCode.INVALID, f"usage from {span.start:%Y-%m-%d} to {span.end:%Y-%m-%d}: ask for at most 31 days"
        )
