"""A company in a fresh database: tenants, contracts, invoices, operators with tokens, and every adapter over them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.adapters.postgres.company import Company, found


@pytest.fixture
def company(engine: Engine) -> Company:
    """Acme in USD with one invoice of 1,000.00, and one operator of every role."""
    return found(engine)
