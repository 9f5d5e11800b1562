"""Usage files for the benchmark, written by Postgres itself: one slice of a month each, so that no two hold the same event."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from adapters.usage_files import UsageFormat, open_usage_file
from adapters.usage_files.checking import TimeBounds, check
from adapters.usage_files.columns import COLUMNS

TENANTS, METERS = 10_000, ("api_calls", "gpu_seconds", "speech_seconds", "storage_gb_hours", "tokens_in", "tokens_out")
MONTH = "2026-10-01T00:00:00Z"
# Ten million events a month, the n-th of each slice in its place; tenants differ by orders of magnitude.
EVENTS_A_DAY = 333_000
# Every so many-th event of a file stands in it a second time, some thousand rows later.
DOUBLED_EVERY, DOUBLED_AFTER = 20, 3_000

_PLANT = """
    create temporary table slice on commit drop as
    select n,
        {ids} as event_id,
        'tenant-' || to_char(least({tenants} - 1, floor(exp(random_normal(6.5, 1.3)))), 'FM000000') as tenant_id,
        timestamptz '{month}' + (({slice}::bigint * {rows} + n) * interval '1 day') / {per_day} as event_time,
        (array{meters})[1 + floor(random() * {kinds})] as meter,
        round(random()::numeric * 5000, 3) as quantity,
        '/v1/' || (array['generate', 'embeddings', 'audio'])[1 + floor(random() * 3)] as route,
        gen_random_uuid() as trace_id,
        'key-' || floor(random() * 20000) as api_key_id,
        case when random() < 0.7 then 'sdk-python' end as tool,
        case when random() < 0.5 then 'compose-3' end as model
    from generate_series(1, {rows}) as n
"""
_LISTED = ", ".join(COLUMNS)
_BARE = f"copy (select {_LISTED} from slice order by n) to stdout (format binary)"
_SENT = f"""
    copy (
        select {_LISTED} from (
            select *, n as place from slice
            union all select *, n + {DOUBLED_AFTER} from slice where n % {DOUBLED_EVERY} = 0
        ) as sent order by place, n
    ) to stdout (format csv, header)
"""
_FOUND = """
    insert into tenants (tenant_id, name, tier, currency, zone, country, locale, billing_email)
    select 'tenant-' || to_char(n, 'FM000000'), 'Tenant', 'pro', 'USD',
        (array['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo'])[1 + n %% 4], 'US', 'en-US', 'billing@tenant.example'
    from generate_series(0, %s - 1) as n
"""


@dataclass
class Slices:
    """Makes one file after the other, each of `rows` new events."""

    url: str
    folder: Path
    rows: int
    made: int = 0

    def found(self) -> None:
        """Tenants and meters, and room for the month."""
        with psycopg.connect(self.url) as session:
            session.execute(_FOUND, [TENANTS])
            for meter in METERS:
                session.execute("insert into meters values (%s, 'unit', 'Counted')", [meter])
            session.execute("select create_month_partitions('usage_events', '2026-10-01', 3)")

    @property
    def doubled(self) -> int:
        """How many rows of a file stand in it a second time."""
        return self.rows // DOUBLED_EVERY

    def bare(self) -> Path:
        """A slice as a binary COPY, each event once."""
        return self._copied("binary", _BARE, ordered=False)

    def sent(self, written_as: UsageFormat, *, ordered: bool = False) -> Path:
        """A slice as a collector sends it, some events twice; `ordered` ids grow with time."""
        path = self._copied("csv", _SENT, ordered=ordered)
        match written_as:
            case UsageFormat.CSV:
                return path
            case UsageFormat.PARQUET:
                return _as_parquet(path)
            case UsageFormat.JSON_LINES:
                return _as_json_lines(path)

    def _copied(self, suffix: str, statement: str, *, ordered: bool) -> Path:
        path = self.folder / f"slice-{self.made}.{suffix}"
        plant = _PLANT.format(
            ids="uuidv7()" if ordered else "gen_random_uuid()",
            tenants=TENANTS,
            meters=list(METERS),
            kinds=len(METERS),
            month=MONTH,
            slice=self.made,
            rows=self.rows,
            per_day=EVENTS_A_DAY,
        )
        with psycopg.connect(self.url) as session, path.open("wb") as file:
            session.execute(plant.encode())
            with session.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                for part in copy:
                    file.write(part)
        self.made += 1
        return path


def _as_parquet(path: Path) -> Path:
    start = datetime.fromisoformat(MONTH)
    bounds = TimeBounds(start - timedelta(days=1), start + timedelta(days=60))
    tables = [check(block, bounds).table for block in open_usage_file(path).blocks()]
    target = path.with_suffix(".parquet")
    pq.write_table(pa.concat_tables(tables), target)
    return target


def _as_json_lines(path: Path) -> Path:
    target = path.with_suffix(".jsonl")
    with path.open(newline="") as source, target.open("w") as file:
        for row in csv.DictReader(source):
            file.write(json.dumps({name: value or None for name, value in row.items()}) + "\n")
    return target
