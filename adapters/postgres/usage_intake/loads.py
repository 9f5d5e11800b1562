"""The register of loads: how far each file is, by its hash, and that only one process loads it at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.engine import transaction
from adapters.postgres.tables import usage_loads
from adapters.postgres.tables.intake import LoadState
from adapters.postgres.usage_intake.storing import Stored
from adapters.usage_files.blocks import UsageFile
from billing.failures import BillingFailure, FailureCode
from billing.usage import LoadReport

_TRY_LOCK = text("select pg_try_advisory_lock(hashtextextended(:load_id, 1))")
_UNLOCK = text("select pg_advisory_unlock(hashtextextended(:load_id, 1))")
_ID_DIGITS = 32


def load_id_of(sha256: str, kind: str) -> str:
    """A load is what was in the file, whatever its name: the same bytes again are the same load."""
    return f"{kind}-{sha256[:_ID_DIGITS]}"


@contextmanager
def sole_loader(engine: Engine, load_id: str) -> Iterator[None]:
    """Keep a second process out of the same load; raises CONFLICT then."""
    with transaction(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        if not session.execute(_TRY_LOCK, {"load_id": load_id}).scalar_one():
            raise BillingFailure(FailureCode.CONFLICT, f"{load_id} is being loaded by another process")
        try:
            yield
        finally:
            session.execute(_UNLOCK, {"load_id": load_id})


def open_load(connection: Connection, load_id: str, file: UsageFile, by: str) -> LoadReport:
    """The load as far as it is; registered when it is new."""
    row = insert(usage_loads).values(
        load_id=load_id, source=file.name, sha256=file.sha256, state=LoadState.LOADING, started_by=by
    )
    connection.execute(row.on_conflict_do_nothing())
    return _report(connection, load_id, file.rows)


def open_batch(connection: Connection, load_id: str, sha256: str, by: str, made: Stored, rows: int) -> None:
    """Register a batch of one request, done; the same batch again changes nothing."""
    row = insert(usage_loads).values(
        load_id=load_id,
        source="POST /usage/events",
        sha256=sha256,
        state=LoadState.DONE,
        position=rows,
        started_by=by,
        finished_at=func.now(),
        **_counts(made),
    )
    connection.execute(row.on_conflict_do_nothing())


def advance(connection: Connection, load_id: str, rows: int, position: int, made: Stored) -> LoadReport:
    """Add what became of a batch, and how far the load is now."""
    changes = {name: usage_loads.c[name] + count for name, count in _counts(made).items()}
    moved = update(usage_loads).where(usage_loads.c.load_id == load_id).values(position=position, **changes)
    connection.execute(moved)
    return _report(connection, load_id, rows)


def finish(connection: Connection, load_id: str, rows: int) -> LoadReport:
    """Every row is done with."""
    done = update(usage_loads).where(usage_loads.c.load_id == load_id, usage_loads.c.state == LoadState.LOADING)
    connection.execute(done.values(state=LoadState.DONE, position=rows, finished_at=func.now()))
    return _report(connection, load_id, rows)


def _counts(made: Stored) -> dict[str, int]:
    return {"stored": made.stored, "known": made.known, "late": made.late, "quarantined": len(made.flaws)}


def _report(connection: Connection, load_id: str, rows: int) -> LoadReport:
    load = usage_loads.c
    found = select(
        load.load_id, load.source, load.position, load.stored, load.known, load.late, load.quarantined, load.state
    ).where(load.load_id == load_id)
    row = dict(connection.execute(found).mappings().one())
    return LoadReport(rows=rows, done=row.pop("state") == LoadState.DONE, **row)
