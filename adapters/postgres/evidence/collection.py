"""One collection at a time for a case, on one snapshot: files and facts show the same moment of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, text

from adapters.postgres.engine import transaction
from adapters.postgres.exports.reading import long_reading
from billing.failures import BillingFailure, FailureCode

_TRY_LOCK = text("select pg_try_advisory_lock(hashtextextended(:evidence_id, 0))")
_UNLOCK = text("select pg_advisory_unlock(hashtextextended(:evidence_id, 0))")


@contextmanager
def sole_collector(engine: Engine, evidence_id: str) -> Iterator[None]:
    """Keep a second attempt of the same collection out while the first one is at work; raises UNAVAILABLE then.

    The lock belongs to a session of its own: a snapshot taken before the lock could miss what the other has recorded.
    """
    with transaction(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
        if not session.execute(_TRY_LOCK, {"evidence_id": evidence_id}).scalar_one():
            raise BillingFailure(
                FailureCode.UNAVAILABLE, f"evidence {evidence_id} is being collected by another attempt"
            )
        try:
            yield
        finally:
            session.execute(_UNLOCK, {"evidence_id": evidence_id})


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A long reading that ends in files; raises UNAVAILABLE also for what goes wrong with them."""
    try:
        with long_reading(engine) as connection:
            yield connection
    except psycopg.OperationalError as failure:  # COPY is spoken to the driver, past SQLAlchemy's own translation
        words = str(failure).strip().splitlines()[0]
        raise BillingFailure(FailureCode.UNAVAILABLE, f"Postgres is not available: {words}") from failure
    except OSError as failure:
        raise BillingFailure(
            FailureCode.UNAVAILABLE, f"evidence files cannot be written: {failure.strerror or failure}"
        ) from failure
