"""The wall clock as activities see it: injected, so that tests can turn it."""

from collections.abc import Callable
from datetime import UTC, datetime

# Returns the present moment, aware, in UTC.
Now = Callable[[], datetime]


def wall_clock() -> datetime:
    """The clock that production gives to every activity."""
    return datetime.now(UTC)
