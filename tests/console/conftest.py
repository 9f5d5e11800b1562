"""The same books and desk as the starters' tests, behind the HTTP application."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text

from tests.console.caller import Caller, calling
from tests.starters.conftest import books, company, desk
from tests.starters.desk import CaseDesk

__all__ = ["books", "company", "desk"]


@pytest_asyncio.fixture
async def caller(desk: CaseDesk) -> AsyncIterator[Caller]:
    async with calling(desk) as one:
        yield one


@pytest.fixture
def nobody_is_limited(desk: CaseDesk) -> None:
    """The books are those of every test in this process, and some leave limits behind."""
    with desk.books.engine.begin() as connection:
        for table in ("restriction_limits", "restriction_log", "restrictions"):
            connection.execute(text(f"delete from {table}"))  # noqa: S608 - names of ours
