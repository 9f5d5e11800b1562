"""The same two customers for every story of events."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.adapters.postgres.provider_events.feed import Feed


@pytest.fixture
def feed(engine: Engine) -> Feed:
    """Acme and bolt, each with an invoice that the provider knows; nothing has been told of them yet."""
    feed = Feed(engine)
    feed.bills("acme", "bolt")
    return feed
