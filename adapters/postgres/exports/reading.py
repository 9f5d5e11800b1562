"""A transaction for reading much: one moment of the database, room for large sorts, and time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, Engine, text

from adapters.postgres.engine import transaction

# Above this no statement may run.
PATIENCE = timedelta(minutes=5)

# It outlasts the ordinary limits; ISO dates in UTC are what files promise, whatever the role's own settings.
_SETTINGS = text("""
    select set_config(name, value, true)
    from (
        values ('statement_timeout', :patience), ('idle_in_transaction_session_timeout', :patience),
            ('work_mem', '64MB'), ('jit', 'off'), ('datestyle', 'ISO'), ('timezone', 'UTC')
    ) as setting(name, value)
""")


@contextmanager
def long_reading(engine: Engine) -> Iterator[Connection]:
    """One repeatable-read transaction with room for large sorts and long statements; raises what `transaction` does."""
    patience = f"{PATIENCE.total_seconds():.0f}s"
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
        connection.execute(_SETTINGS, {"patience": patience})
        yield connection
