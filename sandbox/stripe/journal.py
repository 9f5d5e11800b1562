"""What was asked of the simulator and how it answered, without anybody's data: for tests and for looking on."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

ENTRIES_MAX = 20_000


@dataclass
class Entry:
    """One request."""

    request_id: str
    method: str
    path: str
    idempotency_key: str | None
    at: int
    """Seconds since the epoch on the simulator's clock."""
    status: int | None = None
    """None while it is worked on."""
    replayed: bool = False
    fault: str | None = None
    """Kind of the fault that struck."""


class Journal:
    """The latest requests, oldest first, and what contradicted the contract."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=ENTRIES_MAX)
        self.violations: list[dict[str, Any]] = []

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self.violations.clear()

    def requests(self) -> list[dict[str, Any]]:
        """The entries as JSON."""
        return [asdict(entry) for entry in self.entries]
