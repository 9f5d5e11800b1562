"""Every story of a purge begins with the same two customers."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.adapters.postgres.retention.estate import Estate, an_estate


@pytest.fixture
def estate(engine: Engine, tmp_path: Path) -> Estate:
    """Acme and bolt with rows everywhere; nobody waits for deletion yet."""
    return an_estate(engine, tmp_path)
