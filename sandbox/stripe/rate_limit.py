"""How many requests a second the account may make, all endpoints together: a bucket of tokens that fills in real time."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimit:
    """One token a request; as many tokens as come in a second may be saved up. Without a rate nothing is limited."""

    def __init__(self, a_second: float | None = None, real_time: Callable[[], float] = time.monotonic) -> None:
        self._real_time = real_time
        self.set(a_second)

    def set(self, a_second: float | None) -> None:
        """Begin anew with a full bucket; raises `ValueError` for a rate that lets nothing through."""
        if a_second is not None and a_second <= 0:
            raise ValueError(f"a rate limit lets something through: more than 0 requests a second, not {a_second!r}")
        self.a_second = a_second
        self.taken = self.refused = 0
        self._tokens = self._full
        self._filled_at = self._real_time()

    def take(self) -> bool:
        """Whether the request may go on; one that may not has cost nothing."""
        if self.a_second is None:
            return True
        now = self._real_time()
        self._tokens = min(self._full, self._tokens + (now - self._filled_at) * self.a_second)
        self._filled_at = now
        if self._tokens < 1:
            self.refused += 1
            return False
        self._tokens -= 1
        self.taken += 1
        return True

    @property
    def _full(self) -> float:
        return max(1.0, self.a_second or 1.0)

    def as_json(self) -> dict[str, float | int | None]:
        """The limit with what it did since it was set, as the control API shows it."""
        return {"a_second": self.a_second, "taken": self.taken, "refused": self.refused}
