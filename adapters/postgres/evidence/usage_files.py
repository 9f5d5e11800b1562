"""The files of an evidence pack: raw events, the requests behind them, and the roll-up made anew beside the stored one."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from psycopg import sql
from sqlalchemy import Connection

from adapters.postgres.evidence.inquiry import Inquiry
from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.exports.files import ID, MOMENT, QUANTITY, TEXT, Copy, CsvCopy, NewFile, ParquetCopy
from adapters.postgres.exports.spreadsheets import defused
from adapters.postgres.exports.streaming import export
from billing.evidence import DayTotal, EvidenceFile

USAGE_EVENTS = pa.schema(
    [
        ("event_time", MOMENT),
        ("route", TEXT),
        ("tool", TEXT),
        ("model", TEXT),
        ("meter", TEXT),
        ("quantity", QUANTITY),
        ("trace_id", ID),
        ("event_id", ID),
        ("api_key_id", TEXT),
    ]
)

# The columns of D4 first; the ids after them make each row findable again.
RAW_EVENTS = sql.SQL("""
    select event_time, {route}, {tool}, {model}, meter, quantity, trace_id, event_id, {api_key_id}
    from usage_events
    where tenant_id = %(tenant)s and meter = any(%(meters)s) and event_time >= %(starts)s and event_time < %(ends)s
    order by event_time, event_id
""").format(**{column: defused(column) for column in ("route", "tool", "model", "api_key_id")})

# Every request behind an event of the scope, and every metered request of the scope that has no event.
_REQUESTS = sql.SQL("""
    select requested_at, request.trace_id, {route}, {meter}, quantity, status, latency_ms, {api_key_id}, {network},
        counted.trace_id is not null as has_event
    from request_logs as request
    left join (
        select distinct trace_id from usage_events
        where tenant_id = %(tenant)s and meter = any(%(meters)s) and event_time >= %(starts)s and event_time < %(ends)s
    ) as counted on counted.trace_id = request.trace_id
    where tenant_id = %(tenant)s and requested_at >= %(around_from)s and requested_at < %(around_until)s
        and (
            counted.trace_id is not null
            or meter = any(%(meters)s) and requested_at >= %(starts)s and requested_at < %(ends)s
        )
    order by requested_at, request.trace_id
""").format(**{column: defused(column, table="request") for column in ("route", "meter", "api_key_id", "network")})


def export_usage_events(connection: Connection, inquiry: Inquiry, folder: Path, pulse: Pulse) -> list[EvidenceFile]:
    """`usage_events.csv` and `usage_events.parquet`: the same raw events, ordered by time, read once."""
    copies: list[Copy] = [
        CsvCopy(NewFile(folder, "usage_events.csv")),
        ParquetCopy(NewFile(folder, "usage_events.parquet"), USAGE_EVENTS),
    ]
    return export(connection, RAW_EVENTS, inquiry.parameters, copies, pulse)


def export_request_logs(connection: Connection, inquiry: Inquiry, folder: Path, pulse: Pulse) -> list[EvidenceFile]:
    """`request_logs.csv`: the logged requests that match the events by trace id, or should have had an event."""
    return export(connection, _REQUESTS, inquiry.parameters, [CsvCopy(NewFile(folder, "request_logs.csv"))], pulse)


def write_rollup(totals: Sequence[DayTotal], folder: Path) -> EvidenceFile:
    """`rollup.csv`: each local day's total as the events give it, and as the roll-up stored it."""
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    table.writerow(["day", "meter", "calculated_total", "stored_total", "events"])
    for total in totals:
        calculated, stored = format(total.raw_quantity, "f"), format(total.rolled_up_quantity, "f")
        table.writerow([total.day.isoformat(), total.meter, calculated, stored, total.raw_events])
    copy = CsvCopy(NewFile(folder, "rollup.csv"))
    copy.add(memoryview(text.getvalue().encode()))
    return copy.finish(len(totals))
