"""The decision log only grows, is one chain whoever writes, and shows what was tampered with (D13)."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from adapters.postgres.decisions import DecisionLog, append
from billing.decisions import chained
from tests.adapters.postgres.company import NOON

WRITERS, LINES_EACH = 8, 40


def write(engine: Engine, *lines: str) -> None:
    for line in lines:
        with engine.begin() as connection:
            append(connection, line, NOON)


def as_superuser(url: str, statement: str, *values: str, triggers: bool = False) -> None:
    with psycopg.connect(url) as session:
        if not triggers:
            session.execute("set session_replication_role = replica")
        session.execute(statement, values)


def test_eight_writers_make_one_chain_without_a_gap(engine: Engine) -> None:
    def write_some(writer: int) -> None:
        write(engine, *(f"{writer}: {n}" for n in range(LINES_EACH)))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write_some, range(WRITERS)))

    rows = list(DecisionLog(engine).lines())
    assert [row.seq for row in rows] == list(range(1, WRITERS * LINES_EACH + 1))
    assert len({row.prev_sha256 for row in rows}) == len(rows)
    assert DecisionLog(engine).verify() is None


def test_a_transaction_that_is_given_up_leaves_no_gap(engine: Engine) -> None:
    write(engine, "first")
    with engine.connect() as connection:
        append(connection, "given up", NOON)
        connection.rollback()
    write(engine, "second")

    assert [(row.seq, row.line) for row in DecisionLog(engine).lines()] == [(1, "first"), (2, "second")]
    assert DecisionLog(engine).verify() is None


@pytest.mark.parametrize(
    "statement",
    [
        "update decisions set line = 'nothing happened'",
        "delete from decisions where seq = 2",
        "truncate decisions",
        "delete from decisions_head",
        "truncate decisions_head",
    ],
)
def test_even_the_superuser_is_refused_while_triggers_are_on(engine: Engine, database_url: str, statement: str) -> None:
    write(engine, "first", "second")

    with pytest.raises(psycopg.errors.IntegrityError, match="the decision log only grows"):
        as_superuser(database_url, statement, triggers=True)

    assert DecisionLog(engine).verify() is None


@pytest.mark.parametrize(
    "statement",
    [
        "update decisions set line = 'nothing happened' where seq = 1",
        "delete from decisions where seq = 1",
        "alter table decisions disable trigger all",
        "update decisions_head set seq = seq + 5, sha256 = repeat('0', 64) where false; drop table decisions",
    ],
)
def test_the_application_role_cannot_rewrite_the_log(engine: Engine, database_url: str, statement: str) -> None:
    write(engine, "first")

    with psycopg.connect(database_url) as session:
        session.execute("set role runbooks_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement)


def test_the_application_role_can_append(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("set local role runbooks_app")
        append(connection, "first", NOON)

    assert DecisionLog(engine).verify() is None


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        ("update decisions set line = 'other' where seq = 2", "row 2 was changed"),
        ("update decisions set prev_sha256 = repeat('0', 64) where seq = 3", "row 3 was changed"),
        ("delete from decisions where seq = 2", "row 2 is missing: row 3 follows row 1"),
        ("delete from decisions where seq = 1", "row 1 is missing"),
        ("delete from decisions where seq = 4", "the log ends at 3, its head says 4"),
        ("update decisions set seq = 7 where seq = 4", "row 4 is missing"),
    ],
)
def test_what_a_superuser_changes_behind_the_triggers_shows(
    engine: Engine, database_url: str, tamper: str, words: str
) -> None:
    write(engine, "first", "second", "third", "fourth")

    as_superuser(database_url, tamper)

    assert words in (DecisionLog(engine).verify() or "")


def test_a_last_row_replaced_with_a_fitting_hash_shows_at_the_head(engine: Engine, database_url: str) -> None:
    write(engine, "first", "second")
    first, _ = DecisionLog(engine).lines()

    as_superuser(
        database_url,
        "update decisions set line = 'other', sha256 = %s where seq = 2",
        chained(first.sha256, 2, "other"),
    )

    assert DecisionLog(engine).verify() == "row 2 was replaced: its hash is not the one its head keeps"


def test_a_hundred_random_changes_are_all_found(engine: Engine, database_url: str) -> None:
    write(engine, *(f"line {n}" for n in range(12)))
    chance = random.Random(7)
    changes = [
        "update decisions set line = line || '.' where seq = %s",
        "update decisions set line = (select line from decisions where seq = 1) where seq = %s",
        "update decisions set sha256 = reverse(sha256) where seq = %s",
        "update decisions set prev_sha256 = reverse(prev_sha256) where seq = %s",
        "delete from decisions where seq = %s",
    ]
    log = DecisionLog(engine)

    found = 0
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("set session_replication_role = replica")
        session.execute("create table kept as select * from decisions")
        for _ in range(100):
            session.execute(chance.choice(changes), [chance.randint(2, 12)])
            found += log.verify() is not None
            session.execute("delete from decisions")
            session.execute("insert into decisions select * from kept")

    assert found == 100
    assert log.verify() is None


def test_the_export_holds_exactly_the_lines(engine: Engine, tmp_path: Path) -> None:
    write(engine, "first", "zweite Zeile, größer")
    target = tmp_path / "DECISIONS.log"
    target.write_text("an older export\n")

    count = DecisionLog(engine).export(target)

    assert count == 2
    assert target.read_text(encoding="utf-8") == "first\nzweite Zeile, größer\n"
    assert [path.name for path in tmp_path.iterdir()] == ["DECISIONS.log"]
