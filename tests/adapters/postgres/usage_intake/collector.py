"""A collector that writes usage files and sends requests, and the books it fills; only what differs is mentioned."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, insert, text

from adapters.postgres.closings import close_period
from adapters.postgres.tables import meters, tenants
from adapters.postgres.usage_intake import Quarantine, UsageIntake
from adapters.usage_files import UsageFormat, open_usage_file
from adapters.usage_files.columns import COLUMNS
from billing.policy.standard import USAGE_INTAKE
from billing.usage import BatchReport, LoadReport

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BY = "engineering-1"
Event = dict[str, Any]


def event(number: int = 1, **changes: Any) -> Event:
    """One call of `acme` at noon UTC on 10 November 2026; `number` makes its ids."""
    plain: Event = {
        "event_id": str(UUID(int=number)),
        "tenant_id": "acme",
        "event_time": "2026-11-10T12:00:00Z",
        "meter": "api_calls",
        "quantity": "2.5",
        "route": "/v1/calls",
        "trace_id": str(UUID(int=1_000_000 + number)),
        "api_key_id": "key-1",
        "tool": "sdk",
        "model": None,
    }
    return plain | changes


def events(count: int, **changes: Any) -> list[Event]:
    """That many calls, a minute apart from the beginning of November."""
    first = datetime(2026, 11, 1, tzinfo=UTC)
    return [
        event(number, **({"event_time": f"{first + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}"} | changes))
        for number in range(1, count + 1)
    ]


class Collector:
    """Writes files and loads them into one database, by one clock."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.now = NOON
        self.intake = UsageIntake(engine, USAGE_INTAKE, lambda: self.now)
        self.quarantine = Quarantine(engine, USAGE_INTAKE, lambda: self.now)
        with engine.begin() as connection:
            connection.execute(insert(meters), [_meter("api_calls"), _meter("tokens")])
        self.tenant("acme", zone="America/New_York")

    def tenant(self, tenant_id: str, zone: str = "UTC", anchor_day: int = 1) -> None:
        row = {
            "tenant_id": tenant_id,
            "name": tenant_id,
            "tier": "pro",
            "currency": "USD",
            "zone": zone,
            "country": "US",
            "locale": "en-US",
            "billing_email": f"billing@{tenant_id}.example",
            "anchor_day": anchor_day,
        }
        with self.engine.begin() as connection:
            connection.execute(insert(tenants).values(row))

    def closes(self, period: str, at: datetime | None = None) -> None:
        with self.engine.begin() as connection:
            close_period(connection, period, f"{period}#1", at or self.now)

    # -- sending -----------------------------------------------------------------------------------------------------

    def file(self, rows: Sequence[Event], written_as: UsageFormat = UsageFormat.CSV, name: str = "usage") -> Path:
        path = self.folder / f"{name}.{written_as}"
        match written_as:
            case UsageFormat.CSV:
                path.write_text(csv_of(rows))
            case UsageFormat.JSON_LINES:
                path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            case UsageFormat.PARQUET:
                pq.write_table(table_of(rows), path)
        return path

    def loads(self, rows: Sequence[Event] | Path, written_as: UsageFormat = UsageFormat.CSV) -> LoadReport:
        path = rows if isinstance(rows, Path) else self.file(rows, written_as)
        return self.intake.load(open_usage_file(path), BY, lambda report: None)

    def sends(self, *rows: Mapping[str, Any]) -> BatchReport:
        return self.intake.take(rows, "usage token")

    # -- what is in the database -------------------------------------------------------------------------------------

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def one(self, statement: str, **values: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(statement), values).scalar_one()

    def stored(self) -> int:
        found: int = self.one("select count(*) from usage_events")
        return found

    def set_aside(self) -> list[tuple[int, str, str]]:
        """Line, field and reason of every row that waits in quarantine."""
        return [(row.line, row.field, row.reason) for row in self.quarantine.rows()]


def csv_of(rows: Sequence[Event]) -> str:
    lines = [",".join(COLUMNS), *(",".join(_cell(row.get(name)) for name in COLUMNS) for row in rows)]
    return "\n".join(lines) + "\n"


def table_of(rows: Sequence[Event]) -> pa.Table:
    """Typed as a careful collector would write it."""
    columns = {
        "event_time": pa.array(
            [datetime.fromisoformat(row["event_time"]) for row in rows], pa.timestamp("us", tz="UTC")
        ),
        "quantity": pa.array([Decimal(row["quantity"]) for row in rows], pa.decimal128(24, 6)),
    }
    return pa.table(
        {name: columns.get(name, pa.array([row.get(name) for row in rows], pa.string())) for name in COLUMNS}
    )


def _cell(value: Any) -> str:
    words = "" if value is None else str(value)
    return '"' + words.replace('"', '""') + '"' if any(mark in words for mark in ',"\n') else words


def _meter(name: str) -> dict[str, str]:
    return {"meter": name, "unit": "unit", "description": name}
