"""A company in a fresh database: tenants, contracts, invoices, operators with tokens, and every adapter over them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from adapters.postgres.engine import open_engine
from tests.adapters.postgres.company import Company, found


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def company(engine: Engine) -> Company:
    """Acme in USD with one invoice of 1,000.00, and one operator of every role."""
    return found(engine)
