"""Books with one customer and the staff, and a desk over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from adapters.postgres.engine import open_engine
from starters.books import Books, books_over
from tests.starters.desk import CaseDesk, a_desk
from tests.workflows.world import World


@pytest.fixture
def company(database_url: str) -> Iterator[World]:
    """`acme` with an invoice for October 2026, and an operator of every role."""
    engine = open_engine(database_url)
    world = World(engine)
    world.found()
    world.tenant("acme")
    yield world
    engine.dispose()


@pytest.fixture
def books(company: World) -> Books:
    return books_over(company.engine)


@pytest_asyncio.fixture
async def desk(temporal_environment: WorkflowEnvironment, books: Books, company: World) -> AsyncIterator[CaseDesk]:
    async with a_desk(temporal_environment.client, books, company) as opened:
        yield opened
