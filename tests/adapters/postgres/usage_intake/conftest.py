"""One collector over a fresh database for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.adapters.postgres.usage_intake.collector import Collector


@pytest.fixture
def collector(engine: Engine, tmp_path: Path) -> Collector:
    """`acme` in New York, the meters `api_calls` and `tokens`, on 20 November 2026."""
    return Collector(engine, tmp_path)
