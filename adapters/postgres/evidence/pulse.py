"""The sign of life of a long collection: a beat every few seconds with the latest note, also during long statements."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from threading import Event, Thread
from typing import Self

from adapters.postgres.exports.reading import PATIENCE

BEAT_EVERY = timedelta(seconds=2)


class Pulse:
    """Calls `heartbeat` while the `with` block runs, in the caller's context.

    It falls silent when nothing was noted for as long as a statement may run, so that whoever waits for the beats notices a
    hung attempt. What `heartbeat` raises ends the work: `note` raises it.
    """

    def __init__(self, heartbeat: Callable[[str], None], every: timedelta = BEAT_EVERY) -> None:
        self._heartbeat = heartbeat
        self._every = every.total_seconds()
        self._words = "collecting evidence"
        self._noted_at = self._beaten_at = time.monotonic()
        self._done = Event()
        self._refusal: Exception | None = None
        # The activity's heartbeat knows its activity by a context variable, which a new thread does not inherit.
        self._thread = Thread(target=copy_context().run, args=(self._beat_on,), name="evidence-pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def note(self, words: str) -> None:
        """Say what is being done now; beats at once when the last beat is some seconds old."""
        self._words, self._noted_at = words, time.monotonic()
        if self._refusal:
            raise self._refusal
        if self._noted_at - self._beaten_at >= self._every:
            self._beat()

    def _beat_on(self) -> None:
        while not self._done.wait(max(self._every, 0.1)):
            if time.monotonic() - self._noted_at > PATIENCE.total_seconds():
                return
            try:
                self._beat()
            except Exception as refusal:
                self._refusal = refusal
                return

    def _beat(self) -> None:
        self._beaten_at = time.monotonic()
        self._heartbeat(self._words)
