"""A fresh database and an empty evidence folder for each test, around one tenant in the zone it asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.adapters.evidence.world import World


@pytest.fixture
def world_in(engine: Engine, tmp_path: Path) -> Callable[[str], World]:
    """A world whose tenant lives in the given zone."""
    return lambda zone: World(engine, tmp_path / "evidence", zone)


@pytest.fixture
def world(world_in: Callable[[str], World]) -> World:
    """A world whose tenant lives in UTC."""
    return world_in("UTC")
