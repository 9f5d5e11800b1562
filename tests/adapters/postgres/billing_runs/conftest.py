"""A fresh house for every test."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.adapters.postgres.billing_runs.events import Events
from tests.adapters.postgres.billing_runs.world import House


@pytest.fixture
def house(engine: Engine) -> House:
    """Meters and one legal entity; nobody to bill yet."""
    return House(engine)


@pytest.fixture
def events(house: House) -> Events:
    """The usage that reaches the house."""
    return Events(house)
