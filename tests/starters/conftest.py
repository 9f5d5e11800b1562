"""Books with one customer and the staff, and a desk over them; made once, since every test brings its own tickets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine
from sandbox.postgres import PostgresServer
from tests.starters.desk import CaseDesk, a_desk
from tests.workflows.world import World


@pytest.fixture(scope="session")
def company(postgres_server: PostgresServer, database_maker: Callable[[str], None]) -> Iterator[World]:
    """`acme` with an invoice for October 2026, and an operator of every role."""
    name = f"company_{uuid4().hex[:8]}"
    database_maker(name)
    engine = open_engine(postgres_server.url(name))
    world = World(engine)
    world.found()
    world.tenant("acme")
    yield world
    engine.dispose()


@pytest.fixture(scope="session")
def books(company: World) -> Books:
    return Books.over(company.engine)


@pytest_asyncio.fixture(scope="session")
async def desk(temporal_environment: WorkflowEnvironment, books: Books, company: World) -> AsyncIterator[CaseDesk]:
    async with a_desk(temporal_environment.client, books, company) as opened:
        yield opened
