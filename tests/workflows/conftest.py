"""Every story gets an office of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.fixtures.temporal import CaseClock
from tests.workflows.office import Office, an_office


@pytest.fixture
async def office(engine: Engine, case_clock: CaseClock, tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(engine, case_clock, tmp_path) as opened:
        yield opened
