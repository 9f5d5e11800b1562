"""How moments and words are put."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from starters.cli.terminal import clean, when

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(0), "now"),
        (timedelta(seconds=40), "in 40 s"),
        (timedelta(seconds=-40), "40 s ago"),
        (timedelta(minutes=5), "in 5 min"),
        (timedelta(hours=5, minutes=3), "in 5 h 3 min"),
        (timedelta(days=2), "in 2 d"),
        (timedelta(days=-2, hours=-5, minutes=-30), "2 d 5 h ago"),
        (timedelta(days=1, minutes=3), "in 1 d"),
    ],
)
def test_a_moment_says_how_far_away_it_is(away: timedelta, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert when(NOW + away, NOW).endswith(f"({words})")


def test_a_pipe_gets_a_moment_as_a_program_reads_it() -> None:
    assert when(NOW, NOW) == "2026-11-21T09:00:00+00:00"


def test_no_moment_is_a_dash() -> None:
    assert when(None, NOW) == "–"


@pytest.mark.parametrize(
    ("value", "line"),
    [(None, "–"), ("", "–"), ("a\tb\nc", "a b c"), ("\x1b[31mred", "[31mred"), ("a\u202eb", "a b"), (0, "0")],
)
def test_a_cell_is_one_printable_line(value: object, line: str) -> None:
    assert clean(value) == line
