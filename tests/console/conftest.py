"""The same books and desk as the starters' tests, behind the HTTP application."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.console.caller import Caller, calling
from tests.starters.conftest import books, company, desk
from tests.starters.desk import CaseDesk

__all__ = ["books", "company", "desk"]


@pytest_asyncio.fixture
async def caller(desk: CaseDesk) -> AsyncIterator[Caller]:
    async with calling(desk) as one:
        yield one
