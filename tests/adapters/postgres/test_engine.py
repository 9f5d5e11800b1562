"""The database is away, busy or refuses: each has its own code, and none shows a statement or a secret."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from adapters.postgres.engine import driver_of, driver_url, open_engine, transaction
from adapters.postgres.tenants import Tenants
from billing.failures import BillingFailure, FailureCode
from sandbox.ports import free_port


def test_a_database_that_is_not_there_is_unavailable(engine: Engine) -> None:
    nowhere = open_engine(f"postgresql://postgres:secret-word@127.0.0.1:{free_port()}/billing")

    with pytest.raises(BillingFailure) as failure:
        Tenants(nowhere).find("acme")

    assert failure.value.code is FailureCode.UNAVAILABLE
    assert not failure.value.final
    assert "secret-word" not in failure.value.for_us


def test_a_statement_that_takes_too_long_is_given_up_and_may_be_repeated(database_url: str) -> None:
    hurried = open_engine(database_url, statement_timeout=timedelta(milliseconds=50))

    with pytest.raises(BillingFailure, match="statement timeout") as failure, transaction(hurried) as connection:
        connection.execute(text("select pg_sleep(5)"))

    assert failure.value.code is FailureCode.UNAVAILABLE
    hurried.dispose()


def test_sessions_that_the_server_ended_are_replaced_unnoticed(engine: Engine, database_url: str) -> None:
    assert Tenants(engine).find("acme") is None
    other = open_engine(database_url)
    with transaction(other) as connection:
        end_others = (
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = "
        )
        connection.execute(text(end_others + "current_database()"))
    other.dispose()

    assert Tenants(engine).find("acme") is None


def test_a_session_that_ends_in_the_middle_is_unavailable(engine: Engine) -> None:
    with pytest.raises(BillingFailure) as failure, transaction(engine) as connection:
        connection.execute(text("select pg_terminate_backend(pg_backend_pid())"))

    assert failure.value.code is FailureCode.UNAVAILABLE


def test_what_the_driver_raises_during_a_copy_has_the_same_names(engine: Engine) -> None:
    with (
        pytest.raises(BillingFailure, match="pk_meters") as failure,
        transaction(engine) as connection,
        driver_of(connection).cursor() as cursor,
        cursor.copy("copy meters from stdin") as copy,
    ):
        copy.write("api_calls\tcall\t\n" * 2)

    assert failure.value.code is FailureCode.CONFLICT


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("insert into meters values ('API!', 'call', '')", FailureCode.CONFLICT),
        ("insert into meters values ('api', null, '')", FailureCode.CONFLICT),
        ("insert into number_series values ('x', 1e30)", FailureCode.INVALID),
    ],
)
def test_what_postgres_refuses_is_said_without_the_rows_values(
    engine: Engine, statement: str, code: FailureCode
) -> None:
    with pytest.raises(BillingFailure) as failure, transaction(engine) as connection:
        connection.execute(text(statement))

    assert failure.value.code is code
    assert "Failing row" not in failure.value.for_us


def test_every_form_of_address_is_spoken_to_by_the_same_driver() -> None:
    forms = ["postgresql://u@h/d", "postgres://u@h/d".replace("postgres:", "postgresql:"), "postgresql+psycopg://u@h/d"]

    assert {driver_url(form).drivername for form in forms} == {"postgresql+psycopg"}
