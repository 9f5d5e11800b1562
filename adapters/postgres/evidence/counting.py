"""Was every event counted once? Duplicates, requests without an event, and events on the wrong side of the period (D5)."""

from __future__ import annotations

from sqlalchemy import Connection, text

from adapters.postgres.evidence.fact_rows import Fact, rows_of
from adapters.postgres.evidence.inquiry import Inquiry
from adapters.postgres.evidence.windows import Misdated, Window, misdated
from billing.evidence import DuplicateEvents, MisdatedEvents, Misdating, MissingEvents
from billing.periods import Span

# Sorted by time first, as the rows lie, so that only events of the same moment are ever sorted among themselves.
_DUPLICATES = text("""
    insert into fact_rows (fact, meter, event_id, event_time, quantity)
    select :fact, meter, event_id, event_time, quantity
    from (
        select meter, event_id, event_time, quantity,
            row_number() over (partition by event_time, meter, trace_id, quantity order by event_id) as occurrence
        from usage_events
        where tenant_id = :tenant and meter = any(:meters) and event_time >= :starts and event_time < :ends
    ) as event
    where occurrence > 1
""")

_MISSING = text("""
    insert into fact_rows (fact, meter, event_id, event_time, quantity)
    select :fact, meter, trace_id, requested_at, quantity
    from request_logs as request
    where tenant_id = :tenant and meter = any(:meters) and requested_at >= :starts and requested_at < :ends
        and status < 400 and quantity > 0
        and not exists (
            select from usage_events as event
            where event.tenant_id = :tenant and event.meter = request.meter and event.trace_id = request.trace_id
                and event.event_time >= :around_from and event.event_time < :around_until
        )
""")

_WINDOWS = text("""
    select meter, day, window_start, window_end from usage_daily
    where tenant_id = :tenant and meter = any(:meters) and day = any(:days)
""")

_MISDATED = text("""
    insert into fact_rows (fact, meter, part, event_id, event_time, quantity)
    select :fact, event.meter, piece.part, event_id, event_time, quantity * times
    from unnest(
        cast(:pieces_of as text[]), cast(:parts as text[]), cast(:times as integer[]),
        cast(:piece_starts as timestamptz[]), cast(:piece_ends as timestamptz[])
    ) as piece(meter, part, times, starts, ends)
    join usage_events as event on event.tenant_id = :tenant and event.meter = piece.meter
        and event.event_time >= piece.starts and event.event_time < piece.ends
""")


def gather_duplicates(connection: Connection, inquiry: Inquiry) -> None:
    """Events that repeat trace id, meter, quantity and time, all but the one with the lowest event id."""
    connection.execute(_DUPLICATES, inquiry.parameters | {"fact": Fact.DUPLICATE_EVENTS})


def gather_missing(connection: Connection, inquiry: Inquiry) -> None:
    """Successful metered requests of the period without an event of that trace id and meter, a day around it included."""
    connection.execute(_MISSING, inquiry.parameters | {"fact": Fact.MISSING_EVENTS})


def gather_misdated(connection: Connection, inquiry: Inquiry) -> None:
    """Events that the roll-up's windows count although they are another period's, leave out, or count twice."""
    pieces = [(meter, piece) for meter, windows in _windows(connection, inquiry).items() for piece in windows]
    arrays = {
        "pieces_of": [meter for meter, _ in pieces],
        "parts": [piece.wrong.value for _, piece in pieces],
        "times": [piece.times for _, piece in pieces],
        "piece_starts": [piece.span.start for _, piece in pieces],
        "piece_ends": [piece.span.end for _, piece in pieces],
    }
    connection.execute(_MISDATED, {"tenant": inquiry.tenant_id, "fact": Fact.MISDATED_EVENTS} | arrays)


def duplicates(connection: Connection) -> tuple[DuplicateEvents, ...]:
    """One fact for each meter, from what `gather_duplicates` found; the quantity is what was counted too often."""
    return tuple(
        DuplicateEvents(meter=found.meter, quantity=found.quantity, rows=found.rows)
        for found in rows_of(connection, Fact.DUPLICATE_EVENTS)
    )


def missing(connection: Connection) -> tuple[MissingEvents, ...]:
    """One fact for each meter, from what `gather_missing` found; the quantity is what was never counted."""
    return tuple(
        MissingEvents(meter=found.meter, quantity=found.quantity, rows=found.rows)
        for found in rows_of(connection, Fact.MISSING_EVENTS)
    )


def misdated_events(connection: Connection, inquiry: Inquiry) -> tuple[MisdatedEvents, ...]:
    """One fact for each meter and kind of wrong; the days are the events' own, in the tenant's zone."""
    return tuple(
        MisdatedEvents(
            meter=found.meter,
            wrong=Misdating(found.part),
            quantity=found.quantity,
            first_day=inquiry.day_of(found.first_time),
            last_day=inquiry.day_of(found.last_time),
            rows=found.rows,
        )
        for found in rows_of(connection, Fact.MISDATED_EVENTS)
    )


def _windows(connection: Connection, inquiry: Inquiry) -> dict[str, list[Misdated]]:
    parameters = inquiry.parameters | {"days": [local.day for local in inquiry.days]}
    windows: dict[str, list[Window]] = {}
    for row in connection.execute(_WINDOWS, parameters):
        window = Window(row.day, Span(start=row.window_start, end=row.window_end))
        windows.setdefault(row.meter, []).append(window)
    return {meter: misdated(found, inquiry.days) for meter, found in windows.items()}
