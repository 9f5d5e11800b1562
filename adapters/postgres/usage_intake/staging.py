"""The ways of a batch into the database, all by binary COPY: at once, or through tables that only its transaction sees."""

from __future__ import annotations

from psycopg.errors import UniqueViolation
from sqlalchemy import Connection, text

from adapters.postgres.engine import driver_of
from adapters.postgres.usage_intake.batches import Batch
from adapters.postgres.usage_intake.encoding import HEADER, TRAILER
from adapters.usage_files.columns import COLUMNS

LISTED = ", ".join(COLUMNS)

# Made once a session and emptied by every commit. `place` is that of the row in its batch, from 0.
_TABLES = (
    text("""
        create temporary table if not exists arriving (
            place integer not null, event_id uuid not null, tenant_id text not null, event_time timestamptz not null,
            meter text not null, quantity numeric(24, 6) not null, route text not null, trace_id uuid not null,
            api_key_id text not null, tool text, model text
        ) on commit delete rows
    """),
    text("""
        create temporary table if not exists touched (
            tenant_id text not null, meter text not null, first timestamptz not null,
            last timestamptz not null
        ) on commit delete rows
    """),
    text("""
        create temporary table if not exists belated (
            place integer not null, period text not null, cutoff timestamptz not null
        ) on commit delete rows
    """),
)
_ROOM = text("set local work_mem = '64MB'")


def stage_touched(connection: Connection, batch: Batch) -> None:
    """Bring into `touched` who used what and when; a few rows stand for many."""
    for table in _TABLES:
        connection.execute(table)
    connection.execute(_ROOM)
    _copy(connection, "copy touched (tenant_id, meter, first, last) from stdin (format binary)", batch.touched)


def stage_rows(connection: Connection, batch: Batch) -> None:
    """Bring every row into `arriving`."""
    _copy(connection, f"copy arriving (place, {LISTED}) from stdin (format binary)", batch.staged())


def store_at_once(connection: Connection, batch: Batch) -> bool:
    """Add the rows to the usage events as they are. False, with nothing added, when one of them is there already."""
    try:
        with connection.begin_nested():
            _copy(connection, f"copy usage_events ({LISTED}) from stdin (format binary)", batch.rows)
    except UniqueViolation:
        return False
    return True


def _copy(connection: Connection, statement: str, rows: memoryview) -> None:
    with driver_of(connection).cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.write(HEADER)
        copy.write(rows)
        copy.write(TRAILER)
