"""The sign of life: beats with the latest note, in the caller's context, and stops with the work or the heartbeat."""

from __future__ import annotations

import time
from contextvars import ContextVar
from datetime import timedelta

import pytest

from adapters.postgres.evidence.pulse import Pulse

ACTIVITY: ContextVar[str] = ContextVar("activity")
OFTEN = timedelta(milliseconds=100)


def test_it_beats_during_silent_work_with_the_last_note_and_the_callers_context() -> None:
    beats: list[tuple[str, str]] = []
    ACTIVITY.set("collect")

    with Pulse(lambda note: beats.append((note, ACTIVITY.get("nobody"))), OFTEN) as pulse:
        pulse.note("a long statement")
        time.sleep(0.35)

    assert len(beats) >= 2
    assert set(beats) == {("a long statement", "collect")}


def test_notes_in_quick_succession_are_one_beat() -> None:
    beats: list[str] = []

    with Pulse(beats.append, timedelta(seconds=30)) as pulse:
        for number in range(1000):
            pulse.note(f"block {number}")

    assert beats == []


def test_a_heartbeat_that_refuses_between_notes_ends_the_work_at_the_next_one() -> None:
    def refuse(note: str) -> None:
        raise RuntimeError("cancelled")

    with Pulse(refuse, OFTEN) as pulse:
        time.sleep(0.3)
        with pytest.raises(RuntimeError, match="cancelled"):
            pulse.note("next")
