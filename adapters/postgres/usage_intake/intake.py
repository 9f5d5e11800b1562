"""Taking usage in: files block by block, each block one transaction that also says how far the file is; and requests."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from adapters.postgres.engine import transaction
from adapters.postgres.partitions import make_months
from adapters.postgres.usage_intake import loads
from adapters.postgres.usage_intake.batches import Batch, prepare
from adapters.postgres.usage_intake.set_aside import set_aside
from adapters.postgres.usage_intake.storing import store
from adapters.usage_files.blocks import Block, UsageFile
from adapters.usage_files.checking import TimeBounds
from adapters.usage_files.columns import COLUMNS
from adapters.usage_files.json_lines import add_object
from adapters.usage_files.rows import Rows
from billing.failures import BillingFailure, FailureCode
from billing.policy.usage_intake import UsageIntakePolicy
from billing.usage import BatchReport, LoadReport, RefusedRow

# A statement about one block of a file; a disk that is slow for a while must not break a load.
STATEMENT_TIMEOUT = timedelta(minutes=5)
# Seconds before a block is tried again: two loads gave way to each other, or the database was restarted.
_TRY_AGAIN_AFTER = (1.0, 5.0, 15.0)

_MISSING = text("""
    select exists (
        select from generate_series(
            date_trunc('month', cast(:first as date)), cast(:last as date), interval '1 month'
        ) as month
        where to_regclass('usage_events_' || to_char(month, '"y"YYYY"m"MM')) is null
    )
""")

Progress = Callable[[LoadReport], None]


class UsageIntake:
    """Everything that brings usage in goes through here, so that one set of rules holds for all of it."""

    def __init__(self, engine: Engine, policy: UsageIntakePolicy, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._policy = policy
        self._now = now

    def load(self, file: UsageFile, by: str, progress: Progress) -> LoadReport:
        """Load a file, or go on with it where an earlier load of the same bytes was interrupted.

        `progress` hears after every block. Raises CONFLICT while another process loads the same file, UNAVAILABLE when
        the database stays away; what was reported by then is stored.
        """
        load_id = loads.load_id_of(file.sha256, "file")
        with loads.sole_loader(self._engine, load_id):
            with transaction(self._engine) as connection:
                report = loads.open_load(connection, load_id, file, by)
            progress(report)
            if report.done:
                return report
            with ThreadPoolExecutor(1, "usage-reader") as reader:
                for batch in _ahead(reader, file.blocks(report.position), self._bounds()):
                    report = self._store_block(load_id, file.rows, batch)
                    progress(report)
            with transaction(self._engine) as connection:
                return loads.finish(connection, load_id, file.rows)

    def take(self, events: Sequence[Any], by: str) -> BatchReport:
        """Store the events of one request, objects as `read_json` gives them; the same request again stores nothing.

        Lines count the events from 1. Only a request of which something was refused leaves a row in the register.
        """
        rows = Rows(COLUMNS)
        for number, event in enumerate(events, start=1):
            add_object(rows, number, event)
        sha256 = hashlib.sha256(json.dumps(list(events), sort_keys=True).encode()).hexdigest()
        load_id = loads.load_id_of(sha256, "request")
        batch = prepare(rows.block(len(events)), self._bounds())
        make_room(self._engine, batch)
        with transaction(self._engine) as connection:
            made = store(connection, batch, self._policy.late_since(self._now()))
            if made.flaws:
                loads.open_batch(connection, load_id, sha256, by, made, len(events))
                set_aside(connection, load_id, made.flaws)
        refused = (
            RefusedRow(line=flaw.line, field=flaw.field, reason=flaw.reason)
            for flaw in sorted(made.flaws, key=lambda flaw: flaw.line)
        )
        return BatchReport(
            load_id=load_id, stored=made.stored, known=made.known, late=made.late, refused=tuple(refused)
        )

    def _store_block(self, load_id: str, rows: int, batch: Batch) -> LoadReport:
        for pause in (*_TRY_AGAIN_AFTER, None):
            try:
                return self._stored_block(load_id, rows, batch)
            except BillingFailure as failure:
                if failure.code is not FailureCode.UNAVAILABLE or pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("the last try either answers or raises")

    def _stored_block(self, load_id: str, rows: int, batch: Batch) -> LoadReport:
        make_room(self._engine, batch)
        with transaction(self._engine) as connection:
            made = store(connection, batch, self._policy.late_since(self._now()))
            set_aside(connection, load_id, made.flaws)
            return loads.advance(connection, load_id, rows, batch.end, made)

    def _bounds(self) -> TimeBounds:
        return bounds(self._policy, self._now())


def bounds(policy: UsageIntakePolicy, now: datetime) -> TimeBounds:
    """When an event may have happened."""
    return TimeBounds(earliest=now - policy.kept_for, latest=now + policy.ahead_at_most)


def make_room(engine: Engine, batch: Batch) -> None:
    """Make the partitions of the batch's months that are not there, in a transaction of their own: whoever makes one
    waits for everybody who reads or writes usage."""
    if batch.first is None or batch.last is None:
        return
    first, last = batch.first.date(), batch.last.date()
    with transaction(engine) as connection:
        missing = connection.execute(_MISSING, {"first": first, "last": last}).scalar_one()
    if missing:
        with transaction(engine) as connection:
            make_months(connection, first, last)


def _ahead(reader: ThreadPoolExecutor, blocks: Iterator[Block], bounds: TimeBounds) -> Iterator[Batch]:
    """Each block as a batch; the next one is read and checked while the last one is being stored."""

    def following(last: Batch | None = None) -> Batch | None:
        block = next(blocks, None)
        return None if block is None else prepare(block, bounds, last and last.told)

    upcoming: Future[Batch | None] = reader.submit(following)
    while batch := upcoming.result():
        upcoming = reader.submit(following, batch)
        yield batch
