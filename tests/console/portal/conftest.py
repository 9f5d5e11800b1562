"""A customer with a browser: `meridian` of Berlin with a month of detailed usage, and the portal over the same desk."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.console.portal.customer import Customer, visiting
from tests.console.portal.usage import Meridian, found_meridian
from tests.starters.conftest import books, company, desk
from tests.starters.desk import CaseDesk
from tests.workflows.world import World

__all__ = ["books", "company", "desk"]


@pytest.fixture(scope="session")
def meridian(company: World) -> Meridian:
    return found_meridian(company)


@pytest_asyncio.fixture
async def customer(desk: CaseDesk, meridian: Meridian) -> AsyncIterator[Customer]:
    async with visiting(desk, "meridian") as one:
        yield one
