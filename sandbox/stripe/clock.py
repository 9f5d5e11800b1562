"""The simulator's clock: real time plus what was added by hand, so that a day passes when a test says so."""

from __future__ import annotations

import time
from collections.abc import Callable

from sandbox.stripe.state.store import Store

CLOCK = "_clock"


class Clock:
    """Whole seconds since the epoch. It only goes forward, and its lead over real time survives a restart."""

    def __init__(self, store: Store, real_time: Callable[[], float] = time.time) -> None:
        self._store = store
        self._real_time = real_time

    @property
    def lead(self) -> int:
        """Seconds by which this clock is ahead of real time."""
        kept = self._store.get(CLOCK, CLOCK)
        return 0 if kept is None else int(kept["lead"])

    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self._real_time()) + self.lead

    def advance(self, seconds: int) -> None:
        """Let time pass at once; raises `ValueError` for a negative span."""
        if seconds < 0:
            raise ValueError(f"the clock only goes forward, not by {seconds} seconds")
        with self._store.transaction():
            self._store.put({"object": CLOCK, "id": CLOCK, "lead": self.lead + seconds})
