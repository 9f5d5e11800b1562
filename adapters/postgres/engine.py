"""The way into Postgres: one pooled engine for a process, and one translator of what can go wrong there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from pydantic_core import to_jsonable_python
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from billing.failures import BillingFailure, FailureCode

STATEMENT_TIMEOUT = timedelta(seconds=30)
LOCK_TIMEOUT = timedelta(seconds=10)
CONNECT_TIMEOUT = timedelta(seconds=5)

_DRIVER_IS_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)


def open_engine(
    url: str,
    *,
    application: str = "billing-runbooks",
    pool_size: int = 10,
    statement_timeout: timedelta = STATEMENT_TIMEOUT,
) -> Engine:
    """An engine over psycopg 3 whose sessions speak UTC; dead connections are noticed before they are used.

    `url` in libpq's form or SQLAlchemy's. It connects only when first used.
    """
    options = {
        "timezone": "UTC",
        "statement_timeout": _milliseconds(statement_timeout),
        "lock_timeout": _milliseconds(LOCK_TIMEOUT),
        # A worker that was stopped in the middle of a transaction must not hold its locks for ever.
        "idle_in_transaction_session_timeout": _milliseconds(statement_timeout),
    }
    return create_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECT_TIMEOUT.total_seconds(),
        pool_pre_ping=True,
        json_serializer=_json,
        hide_parameters=True,
        connect_args={
            "application_name": application,
            "connect_timeout": int(CONNECT_TIMEOUT.total_seconds()),
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        },
    )


def driver_url(url: str) -> URL:
    """The address with psycopg 3 as its driver, whichever PostgreSQL form it came in."""
    return make_url(url).set(drivername="postgresql+psycopg")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction, committed at its end.

    Raises UNAVAILABLE when the database is away, busy or gave way to another transaction (the same call may be repeated),
    CONFLICT when a constraint refused a row, INVALID when a value does not fit its column; also for what the driver raises
    itself, during a COPY.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (OperationalError, InterfaceError, PoolTimeoutError, *_DRIVER_IS_AWAY) as failure:
        raise BillingFailure(
            FailureCode.UNAVAILABLE, f"Postgres is not available: {_server_words(failure)}"
        ) from failure
    except (IntegrityError, psycopg.IntegrityError) as failure:
        raise BillingFailure(FailureCode.CONFLICT, f"Postgres refused a row: {_server_words(failure)}") from failure
    except (DataError, psycopg.DataError) as failure:
        raise BillingFailure(FailureCode.INVALID, f"Postgres refused a value: {_server_words(failure)}") from failure
    except DBAPIError as failure:
        if failure.connection_invalidated:
            raise BillingFailure(FailureCode.UNAVAILABLE, "Postgres closed the connection") from failure
        raise


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """psycopg's own connection, which speaks COPY, inside SQLAlchemy's transaction."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is made over psycopg 3
    return driver


def broken_rule(failure: DBAPIError) -> str | None:
    """The name of the constraint that refused a row, or None when something else went wrong."""
    return failure.orig.diag.constraint_name if isinstance(failure.orig, psycopg.Error) else None


def _json(content: Any) -> str:
    return json.dumps(to_jsonable_python(content), ensure_ascii=False)


def _milliseconds(duration: timedelta) -> int:
    return int(duration / timedelta(milliseconds=1))


def _server_words(failure: Exception) -> str:
    """The server's own sentence, without the statement, its parameters or the row's values."""
    reason = getattr(failure, "orig", None) or failure
    return str(reason).strip().splitlines()[0]
