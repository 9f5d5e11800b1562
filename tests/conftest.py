"""The services every test may ask for, with the schema and the search attributes of this product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from temporalio.common import SearchAttributeKey

import migrations
from workflows.blocks import attributes

# A machine that is busy with something else disproves no property, so an example, which takes milliseconds, may take
# seconds; one that became a thousand times slower fails all the same. Where an example asks a server, its test sets the
# deadline aside and says so.
settings.register_profile("patient", deadline=timedelta(seconds=5))
settings.load_profile("patient")

pytest_plugins = [
    "tests.fixtures.logs",
    "tests.fixtures.mailbox",
    "tests.fixtures.postgres",
    "tests.fixtures.stripe_simulator",
    "tests.fixtures.temporal",
    "tests.fixtures.workers",
]


@pytest.fixture(scope="session")
def prepare_database() -> Callable[[str], None]:
    """Every database a test asks for has the newest schema."""
    return migrations.upgrade


@pytest.fixture(scope="session")
def search_attributes() -> Sequence[SearchAttributeKey[Any]]:
    """Those that the runbooks set."""
    makers: dict[str, Callable[[str], SearchAttributeKey[Any]]] = {
        "Keyword": SearchAttributeKey.for_keyword,
        "Datetime": SearchAttributeKey.for_datetime,
        "Bool": SearchAttributeKey.for_bool,
    }
    return [makers[kind](name) for name, kind in attributes.ALL.items()]
