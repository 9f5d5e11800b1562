"""The schema's history leads to exactly the tables the adapters know, and back to nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from alembic import command
from psycopg import sql

import migrations
from adapters.postgres.engine import open_engine
from adapters.postgres.tables import metadata
from sandbox.postgres import PostgresServer

_NUMBERS = count(1)

TABLES = "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
COLUMNS = """
    select table_name, column_name, data_type, is_nullable, column_default, numeric_precision, numeric_scale,
        character_maximum_length
    from information_schema.columns where table_schema = 'public' and table_name <> 'alembic_version' order by 1, 2
"""
CONSTRAINTS = """
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'public'::regnamespace and conrelid::regclass::text <> 'alembic_version' order by 1, 2
"""
INDEXES = """
    select tablename, indexdef from pg_indexes
    where schemaname = 'public' and tablename <> 'alembic_version' order by 1, 2
"""
UPGRADE = "import sys, migrations; migrations.upgrade(sys.argv[1])"


@pytest.fixture
def empty_databases(postgres_server: PostgresServer) -> Iterator[list[str]]:
    """Two databases without any schema."""
    names = [f"empty_{next(_NUMBERS)}" for _ in range(2)]
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        for name in names:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield [postgres_server.url(name) for name in names]
        for name in names:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def asked(url: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as session:
        return session.execute(question).fetchall()


def test_the_newest_schema_is_exactly_what_the_tables_say(empty_databases: list[str]) -> None:
    migrated, created = empty_databases
    migrations.upgrade(migrated)
    engine = open_engine(created)
    metadata.create_all(engine)
    engine.dispose()

    command.check(migrations.configuration(migrated))

    for question in (COLUMNS, CONSTRAINTS, INDEXES):
        assert asked(migrated, question) == asked(created, question)


def test_up_down_and_up_again_leaves_the_same_schema(empty_databases: list[str]) -> None:
    url = empty_databases[0]
    migrations.upgrade(url)
    first = asked(url, CONSTRAINTS)

    migrations.downgrade(url, "base")
    between = asked(url, TABLES)
    migrations.upgrade(url)

    assert between == [(1,)]  # Alembic's own
    assert asked(url, CONSTRAINTS) == first


def test_months_made_meanwhile_are_no_difference_and_no_hindrance(empty_databases: list[str]) -> None:
    url = empty_databases[0]
    migrations.upgrade(url)
    with psycopg.connect(url) as session:
        session.execute("select create_month_partitions('usage_events', '2026-01-01', 14)")

    command.check(migrations.configuration(url))
    migrations.downgrade(url, "base")

    assert asked(url, TABLES) == [(1,)]


def test_two_upgrades_at_once_wait_for_each_other(empty_databases: list[str]) -> None:
    url = empty_databases[0]

    upgrades = [subprocess.Popen([sys.executable, "-c", UPGRADE, url]) for _ in range(2)]

    assert [upgrade.wait(60) for upgrade in upgrades] == [0, 0]
    command.check(migrations.configuration(url))


def test_an_upgrade_without_the_right_to_make_roles_makes_the_schema_all_the_same(
    postgres_server: PostgresServer, empty_databases: list[str]
) -> None:
    url = empty_databases[0]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("create role plain login")
        admin.execute("grant all on schema public to plain")
    try:
        migrations.upgrade(url.replace("postgres@", "plain@"))

        assert asked(url, "select tableowner from pg_tables where tablename = 'tenants'") == [("plain",)]
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("drop owned by plain cascade")
            admin.execute("drop role plain")
