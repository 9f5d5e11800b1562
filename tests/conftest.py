"""The services every test may ask for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import migrations

pytest_plugins = [
    "tests.fixtures.mailbox",
    "tests.fixtures.postgres",
    "tests.fixtures.stripe_simulator",
    "tests.fixtures.temporal",
]


@pytest.fixture(scope="session")
def prepare_database() -> Callable[[str], None]:
    """Every database a test asks for has the newest schema."""
    return migrations.upgrade
