"""From a terminal: usage files in, what was set aside seen and settled, roll-ups made, with exit codes for scripts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.postgres.usage_intake.collector import csv_of
from tests.starters.cli.conftest import Terminal


def event(**changes: Any) -> dict[str, Any]:
    plain = {
        "event_id": str(uuid4()),
        "tenant_id": "acme",
        "event_time": (datetime.now(UTC) - timedelta(days=2)).isoformat(),
        "meter": "api_calls",
        "quantity": "1.5",
        "route": "/v1/calls",
        "trace_id": str(uuid4()),
        "api_key_id": "key-1",
    }
    return plain | changes


def a_file(folder: Path, *rows: dict[str, Any]) -> str:
    path = folder / "november.csv"
    path.write_text(csv_of(rows))
    return str(path)


async def test_a_file_is_loaded_and_the_same_one_does_nothing(terminal: Terminal, tmp_path: Path) -> None:
    file = a_file(tmp_path, event(), event())

    loaded = await terminal.types("usage", "load", file, "--as", "engineering-1")
    again = await terminal.types("usage", "load", file, "--as", "engineering-1", "--json")

    assert (loaded.exit_code, again.exit_code) == (0, 0)
    assert loaded.stdout == "november.csv: 2 events stored (0 late), 0 known before, 0 rows set aside\n"
    assert json.loads(again.stdout)["stored"] == 2


async def test_rows_that_were_set_aside_are_told_seen_and_settled(terminal: Terminal, tmp_path: Path) -> None:
    file = a_file(tmp_path, event(), event(quantity="-2"), event(tenant_id="nobody"))

    loaded = await terminal.types("usage", "load", file, "--as", "engineering-1")
    load_id = loaded.stdout.split("--load ")[1].strip()
    listed = await terminal.types("usage", "quarantine", "list", "--load", load_id)
    first = listed.stdout.splitlines()[1].split("\t")
    shown = await terminal.types("usage", "quarantine", "show", first[0])
    released = await terminal.types("usage", "quarantine", "release", "--load", load_id, "--as", "lead-1")
    discarded = await terminal.types("usage", "quarantine", "discard", "--load", load_id, "--as", "lead-1")
    left = await terminal.types("usage", "quarantine", "list", "--load", load_id)

    assert loaded.exit_code == 1
    assert "1 event stored (0 late), 0 known before, 2 rows set aside" in loaded.stdout
    assert first[1:] == ["november.csv", "3", "quantity", load_id, "quantity is negative: '-2'"]
    assert "quantity\t-2" in shown.stdout
    assert released.exit_code == 1
    assert "let in 0 rows" in released.stdout
    assert "stays: tenant_id names an unknown tenant: 'nobody'" in released.stdout
    assert discarded.stdout == "discarded 2 rows\n"
    assert len(left.stdout.splitlines()) == 1


async def test_a_file_that_is_no_usage_file_is_named_with_its_line(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("a,b\n1,2\n")

    wrong = await terminal.types("usage", "load", str(path), "--as", "engineering-1")
    missing = await terminal.types("usage", "load", str(tmp_path / "gone.csv"), "--as", "engineering-1")

    assert (wrong.exit_code, missing.exit_code) == (2, 2)
    assert "wrong.csv: line 1: the columns lack event_id, tenant_id," in wrong.stderr
    assert "gone.csv" in missing.stderr


async def test_a_file_of_no_bytes_is_no_usage_file(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()

    empty = await terminal.types("usage", "load", str(path), "--as", "engineering-1")

    assert empty.exit_code == 2
    assert "empty.csv: the file has no bytes; nothing of it was stored" in " ".join(empty.stderr.split())


async def test_a_file_that_was_cut_in_the_middle_of_a_row_is_told_and_its_whole_rows_are_kept(
    terminal: Terminal, tmp_path: Path
) -> None:
    path = tmp_path / "cut.csv"
    path.write_text(csv_of([event(), event()])[:-60])

    cut = await terminal.types("usage", "load", str(path), "--as", "engineering-1")
    listed = await terminal.types("usage", "quarantine", "list", "--load", cut.stdout.split("--load ")[1].strip())

    assert cut.exit_code == 1
    assert "1 event stored (0 late), 0 known before, 1 row set aside" in cut.stdout
    assert "the file may be cut here" in listed.stdout


async def test_an_interrupted_load_says_how_to_go_on(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("adapters.postgres.usage_intake.intake.UsageIntake.load", interrupt)

    stopped = await terminal.types("usage", "load", a_file(tmp_path, event()), "--as", "engineering-1")

    assert stopped.exit_code == 130
    assert "load november.csv again, and it goes on where it stood" in stopped.stdout


@pytest.mark.parametrize(
    ("words", "who"),
    [
        (("usage", "load", "FILE"), "agent-1"),
        (("usage", "refresh"), "agent-1"),
        (("usage", "rebuild", "--first", "2026-11-01", "--last", "2026-11-02"), "agent-1"),
        (("usage", "quarantine", "release", "1"), "engineering-1"),
        (("usage", "quarantine", "discard", "1"), "engineering-1"),
    ],
)
async def test_who_may_not_is_told_who_may(
    terminal: Terminal, tmp_path: Path, words: tuple[str, ...], who: str
) -> None:
    file = a_file(tmp_path, event())

    refused = await terminal.types(*(file if word == "FILE" else word for word in words), "--as", who)

    assert refused.exit_code == 1
    assert f"{who} is {who.partition('-')[0]} and may not" in refused.stderr


async def test_touched_days_are_rolled_up_and_days_made_anew(terminal: Terminal, tmp_path: Path) -> None:
    await terminal.types("usage", "load", a_file(tmp_path, event()), "--as", "engineering-1")
    today = datetime.now(UTC).date()

    refreshed = await terminal.types("usage", "refresh", "--as", "lead-1")
    again = await terminal.types("usage", "refresh", "--as", "lead-1")
    days = ("--first", str(today - timedelta(days=5)), "--last", str(today))
    rebuilt = await terminal.types("usage", "rebuild", *days, "--as", "lead-1")
    backwards = await terminal.types("usage", "rebuild", "--first", days[3], "--last", days[1], "--as", "lead-1")
    findings = await terminal.types("usage", "findings", "--json")

    assert refreshed.stdout.startswith("rolled up ")
    assert again.stdout == "rolled up 0 days of tenants and meters\n"
    assert "anew from the raw events" in rebuilt.stdout
    assert backwards.exit_code == 2
    assert json.loads(findings.stdout) == []


async def test_rows_are_chosen_in_one_way(terminal: Terminal) -> None:
    neither = await terminal.types("usage", "quarantine", "discard", "--as", "lead-1")
    unknown = await terminal.types("usage", "quarantine", "discard", "--load", "file-none", "--as", "lead-1")

    assert (neither.exit_code, unknown.exit_code) == (2, 2)
    assert "name the rows, ENTRY ..., or a whole load with --load" in neither.stderr
    assert "no row of it waits" in unknown.stderr
