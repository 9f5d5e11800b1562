"""The way of a batch into the database: by binary COPY into two tables that only its own transaction sees."""

from __future__ import annotations

from sqlalchemy import Connection, text

from adapters.postgres.engine import driver_of
from adapters.postgres.usage_intake.batches import Batch
from adapters.postgres.usage_intake.encoding import HEADER, TRAILER
from adapters.usage_files.columns import COLUMNS

LISTED = ", ".join(COLUMNS)

# Made once a session and emptied by every commit. `place` is that of the row in its batch.
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
            place integer not null, tenant_id text not null, meter text not null,
            first timestamptz not null, last timestamptz not null
        ) on commit delete rows
    """),
    text("""
        create temporary table if not exists belated (
            place integer not null, period text not null, cutoff timestamptz not null
        ) on commit delete rows
    """),
)
_ROOM = text("set local work_mem = '64MB'")


def stage(connection: Connection, batch: Batch) -> None:
    """Bring the rows into `arriving`, and who used what and when into `touched`."""
    for table in _TABLES:
        connection.execute(table)
    connection.execute(_ROOM)
    _copy(connection, f"copy arriving (place, {LISTED}) from stdin (format binary)", batch.rows)
    _copy(connection, "copy touched (place, tenant_id, meter, first, last) from stdin (format binary)", batch.touched)


def _copy(connection: Connection, statement: str, rows: memoryview) -> None:
    with driver_of(connection).cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.write(HEADER)
        copy.write(rows)
        copy.write(TRAILER)
