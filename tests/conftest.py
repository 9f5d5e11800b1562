"""The services every test may ask for."""

from __future__ import annotations

pytest_plugins = ["tests.fixtures.mailbox", "tests.fixtures.postgres", "tests.fixtures.temporal"]
