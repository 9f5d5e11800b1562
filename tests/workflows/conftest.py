"""Every story gets an office of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from adapters.postgres.engine import open_engine
from tests.fixtures.temporal import CaseClock
from tests.workflows.office import Office, an_office


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
async def office(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(engine, case_clock, tmp_path) as opened:
        yield opened
