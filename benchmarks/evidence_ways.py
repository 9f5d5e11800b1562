"""The bare ways to get at a tenant's events, and ours beside them; each says what it counted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from adapters.postgres.engine import driver_of
from adapters.postgres.evidence.collection import snapshot
from adapters.postgres.evidence.counting import gather_duplicates, gather_missing
from adapters.postgres.evidence.day_totals import day_totals
from adapters.postgres.evidence.fact_rows import open_fact_rows
from adapters.postgres.evidence.inquiry import Inquiry
from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.evidence.usage_files import RAW_EVENTS, USAGE_EVENTS
from adapters.postgres.exports.files import Copy, CsvCopy, NewFile, ParquetCopy
from adapters.postgres.exports.streaming import export

IN_SCOPE = "tenant_id = :tenant and meter = any(:meters) and event_time >= :starts and event_time < :ends"

BARE_COPY = """
    copy (
        select event_time, route, tool, model, meter, quantity, trace_id, event_id, api_key_id from usage_events
        where tenant_id = %(tenant)s and meter = any(%(meters)s) and event_time >= %(starts)s and event_time < %(ends)s
        order by event_time
    ) to stdout (format csv, header)
"""

BARE_ROLL_UP = text(f"""
    select cast(date_trunc('day', event_time at time zone :zone) as date) as day, meter, sum(quantity) as total
    from usage_events where {IN_SCOPE} group by 1, 2 order by 1, 2
""")

BARE_DUPLICATES = text(f"""
    select trace_id, meter, quantity, event_time, count(*) as times from usage_events where {IN_SCOPE}
    group by trace_id, meter, quantity, event_time having count(*) > 1
""")

BARE_MISSING = text("""
    select trace_id from request_logs as request
    where tenant_id = :tenant and meter = any(:meters) and requested_at >= :starts and requested_at < :ends
        and status < 400 and not exists (
            select from usage_events as event where event.tenant_id = :tenant and event.trace_id = request.trace_id
        )
""")


class Ways:
    """One tenant's million events, and every way to get at them."""

    def __init__(self, engine: Engine, inquiry: Inquiry, folder: Path) -> None:
        self.engine = engine
        self.inquiry = inquiry
        self.folder = folder
        self.counts: dict[str, int] = {}

    def bare_copy(self) -> None:
        """What a person would do in a shell: COPY into a file, and nothing else."""
        with (
            self.transaction() as connection,
            self.empty_folder() as folder,
            (folder / "bare.csv").open("wb") as file,
            driver_of(connection).cursor() as cursor,
        ):
            with cursor.copy(BARE_COPY, self.inquiry.parameters) as rows:
                for row in rows:
                    file.write(row)
            self.counts["bare copy"] = cursor.rowcount

    def csv(self) -> None:
        """Our export into one CSV file."""
        self._export("csv", lambda folder: [CsvCopy(NewFile(folder, "events.csv"))])

    def parquet(self) -> None:
        """Our export into one Parquet file, typed and compressed."""
        self._export("parquet", lambda folder: [ParquetCopy(NewFile(folder, "events.parquet"), USAGE_EVENTS)])

    def csv_and_parquet(self) -> None:
        """Both files from one reading, as a case gets them."""
        self._export(
            "csv and parquet",
            lambda folder: [
                CsvCopy(NewFile(folder, "events.csv")),
                ParquetCopy(NewFile(folder, "events.parquet"), USAGE_EVENTS),
            ],
        )

    def bare_roll_up(self) -> None:
        """Sums by local day and meter in one statement, as anybody would write it."""
        with self.transaction() as connection:
            found = connection.execute(BARE_ROLL_UP, self.inquiry.parameters | {"zone": self.inquiry.zone}).all()
            self.counts["bare roll-up"] = int(sum(row.total for row in found))

    def roll_up(self) -> None:
        """Our day totals, which stand beside the stored roll-up."""
        with self.transaction() as connection:
            self.counts["roll-up"] = int(sum(total.raw_quantity for total in day_totals(connection, self.inquiry)))

    def bare_duplicates(self) -> None:
        """Groups of more than one, as anybody would write it."""
        with self.transaction() as connection:
            found = connection.execute(BARE_DUPLICATES, self.inquiry.parameters).all()
            self.counts["bare duplicates"] = sum(int(row.times) - 1 for row in found)

    def duplicates(self) -> None:
        """Our search, which also keeps each row that is too many."""
        self._gather("duplicates", gather_duplicates)

    def bare_missing(self) -> None:
        """Requests without an event of their trace id, as anybody would write it."""
        with self.transaction() as connection:
            self.counts["bare missing"] = len(connection.execute(BARE_MISSING, self.inquiry.parameters).all())

    def missing(self) -> None:
        """Our search, which also keeps each request."""
        self._gather("missing", gather_missing)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """The same settings for everybody, so that only the statements differ."""
        with snapshot(self.engine) as connection:
            yield connection

    @contextmanager
    def empty_folder(self) -> Iterator[Path]:
        """A folder for one measurement, gone afterwards."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        yield folder
        shutil.rmtree(folder)

    def _export(self, name: str, copies: Callable[[Path], list[Copy]]) -> None:
        with self.transaction() as connection, self.empty_folder() as folder, Pulse(lambda note: None) as pulse:
            files = export(connection, RAW_EVENTS, self.inquiry.parameters, copies(folder), pulse)
            self.counts[name] = files[-1].rows

    def _gather(self, name: str, gather: Callable[[Connection, Inquiry], None]) -> None:
        with self.transaction() as connection:
            open_fact_rows(connection)
            gather(connection, self.inquiry)
            self.counts[name] = connection.execute(text("select count(*) from fact_rows")).scalar_one()
