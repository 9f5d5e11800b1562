"""Runs the revisions: one transaction for all of them, one upgrade at a time, and never a long wait for a lock."""

from __future__ import annotations

import re

from alembic import context
from sqlalchemy import NullPool, create_engine, text

from adapters.postgres.engine import driver_url
from adapters.postgres.tables import metadata

# Waiting longer for a table's lock would queue all other work on that table behind the upgrade.
LOCK_TIMEOUT = "5s"
ONE_AT_A_TIME = 7_246_110
PARTITION = re.compile(r"_y\d{4}m\d{2}$")


def include(name: str | None, kind: str, parents: object) -> bool:
    """Months come and go by themselves; they are no difference between the tables and the schema."""
    return not (kind == "table" and name is not None and PARTITION.search(name))


def database_url() -> str:
    """From the program that upgrades, or `alembic -x url=postgresql://… revision --autogenerate -m "words"`."""
    url = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True).get("url")
    if not url:
        raise SystemExit("Which database? Say: alembic -x url=postgresql://user@host/name …")
    return str(url)


def run() -> None:
    engine = create_engine(driver_url(database_url()), poolclass=NullPool)
    with engine.connect() as connection, connection.begin():
        connection.execute(text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        context.configure(connection=connection, target_metadata=metadata, include_name=include)
        context.run_migrations()


run()
