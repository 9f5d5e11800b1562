"""What crash tests stand on: a Temporal server in real time, a Postgres server, and the zygote of the workers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from sandbox.postgres import PostgresServer
from sandbox.temporal import PROMPT_STEPS, dynamic_config, temporal_binary
from tests.crash import table
from tests.crash.company import Ground
from tests.crash.crashing_worker import zygote

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def long_form() -> bool:
    """Whether every activity is killed at every moment, or only a selection; `make crash` asks for all."""
    return os.environ.get("RUNBOOKS_CRASH") == "long"


@pytest.fixture
def publish() -> Callable[[str, str], None]:
    """Write results into the document that `RUNBOOKS_CRASH_TABLE` names, if it names one."""
    document = os.environ.get("RUNBOOKS_CRASH_TABLE")

    def into_the_document(name: str, content: str) -> None:
        if document:
            table.write(Path(document), name, content)

    return into_the_document


@pytest_asyncio.fixture(scope="session")
async def temporal_in_real_time(
    search_attributes: Sequence[SearchAttributeKey[Any]],
) -> AsyncIterator[WorkflowEnvironment]:
    """A development server whose clock is everybody's: dead workers are noticed by time-outs."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary()),
        dev_server_extra_args=dynamic_config(PROMPT_STEPS),
        dev_server_log_level="error",
        search_attributes=search_attributes,
        data_converter=pydantic_data_converter,
    ) as environment:
        yield environment


@pytest.fixture
def ground(
    temporal_in_real_time: WorkflowEnvironment,
    postgres_server: PostgresServer,
    database_maker: Callable[[str], None],
    tmp_path: Path,
) -> Ground:
    """The servers that runs share; each run gets a database of its own from them."""

    def fresh_database() -> str:
        name = f"crash_{next(_NUMBERS)}"
        database_maker(name)
        return postgres_server.url(name)

    def dismantle_database(url: str) -> None:
        name = sql.Identifier(url.rpartition("/")[2])
        with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))

    client = temporal_in_real_time.client
    return Ground(
        temporal=client,
        temporal_address=client.service_client.config.target_host,
        fresh_database=fresh_database,
        dismantle_database=dismantle_database,
        workers=zygote(),
        home=tmp_path,
    )
