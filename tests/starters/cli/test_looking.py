"""What lists and pages show, to a person and to a pipe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from billing.cases import Withdrawal
from starters import disputes
from starters.cli import app
from tests.starters.cli.conftest import Terminal
from tests.starters.cli.test_disputes import opened
from tests.starters.desk import NOBODY_LISTENS, plain_ticket

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
BOX_DRAWING = set("─│┌┐└┘├┤┬┴┼━┃┏┓╭╮╰╯")


async def test_a_pipe_gets_clean_columns_and_a_terminal_gets_colour(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id = await opened(terminal)

    piped = await terminal.types("case", "list", "--limit", "1000")
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = await terminal.types("case", "list", "--limit", "1000")

    header, *rows = piped.stdout.splitlines()
    assert header.split("\t")[:2] == ["CASE", "STAGE"]
    assert f"dispute/{ticket_id}" in [row.split("\t")[0] for row in rows]
    assert {len(row.split("\t")) for row in rows} == {len(header.split("\t"))}
    assert "\x1b" not in piped.stdout
    assert not BOX_DRAWING & set(piped.stdout)
    assert "\x1b[1m" in shown.stdout


async def test_a_window_too_narrow_for_a_table_gets_blocks_and_no_broken_words(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id = await opened(terminal)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")

    shown = await terminal.types("case", "list", "--limit", "1000")

    lines = [COLOURS.sub("", line).rstrip() for line in shown.stdout.splitlines()]
    first = lines[lines.index(f"dispute/{ticket_id}") + 1]
    assert max(map(len, lines)) <= 80
    assert first.startswith("  stage intake · tenant ")


async def test_a_case_is_shown_whole_and_as_json(terminal: Terminal) -> None:
    ticket_id = await opened(terminal)

    shown = await terminal.types("case", "show", ticket_id)
    as_json = await terminal.types("case", "show", f"dispute/{ticket_id}", "--json")
    unknown = await terminal.types("case", "show", "T-none")

    fields = dict(line.split("\t") for line in shown.stdout.splitlines() if line.count("\t") == 1)
    assert (fields["case"], fields["stage"], fields["next step"]) == (
        f"dispute/{ticket_id}",
        "collect evidence",
        "wait",
    )
    assert fields["disputed"] == "USD 48.00"
    assert json.loads(as_json.stdout)["case_id"] == f"dispute/{ticket_id}"
    assert (unknown.exit_code, "there is no case dispute/T-none" in unknown.stderr) == (2, True)


async def test_watching_a_case_ends_when_it_does(terminal: Terminal) -> None:
    ticket_id = await opened(terminal)
    await disputes.withdraw(terminal.desk.client, f"dispute/{ticket_id}", Withdrawal(by="agent-1", reason="found it"))

    watched = await terminal.types("case", "show", ticket_id, "--watch")

    assert watched.exit_code == 0
    assert "withdrawn by agent-1: found it" in watched.stdout
    assert "ending\twithdrawn by the customer" in watched.stdout


async def test_no_ticket_steers_the_terminal(terminal: Terminal) -> None:
    ticket = plain_ticket(description="\x1b]0;owned\x07\x1b[2J[red]not markup[/red]\r\nnext")
    await terminal.types("dispute", "open", "--from-file", "-", given=json.dumps(ticket))

    shown = await terminal.types("case", "show", ticket["ticket_id"])

    assert not {"\x1b", "\x07", "\r"} & set(shown.stdout)
    assert "[red]not markup[/red] next" in shown.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("approvals", "list"),
        ("decisions", "list"),
        ("mail", "list"),
        ("operators", "list"),
        ("case", "list", "--needs-human"),
    ],
)
async def test_every_list_speaks_json_and_columns(terminal: Terminal, words: tuple[str, ...]) -> None:
    columns = await terminal.types(*words)
    as_json = await terminal.types(*words, "--json")

    assert columns.stdout.splitlines()[0].isupper()
    assert isinstance(json.loads(as_json.stdout), list)


async def test_an_operator_is_added_and_the_token_is_shown_once(terminal: Terminal) -> None:
    name = f"lead-{uuid4().hex[:8]}@ops.example"

    added = await terminal.types("operators", "add", name, "--role", "lead")
    twice = await terminal.types("operators", "add", name, "--role", "vp")
    token = added.stdout.splitlines()[-1]
    as_them = await terminal.types("dispute", "ask-customer", "T-none", "--text", "Hello?", "--token", token)
    listed = await terminal.types("operators", "list")
    left = await terminal.types("operators", "deactivate", name)
    after = await terminal.types("dispute", "ask-customer", "T-none", "--text", "Hello?", "--token", token)
    nobody = await terminal.types("operators", "deactivate", "nobody@ops.example")

    assert token.startswith(f"{name}:")
    assert (added.exit_code, twice.exit_code, left.exit_code, nobody.exit_code) == (0, 2, 0, 2)
    assert f"OPERATOR {name}: is there already" in twice.stderr
    assert "dispute/T-none is no open case" in as_them.stderr
    assert token.partition(":")[2] not in listed.stdout
    assert "is no longer an active operator" in after.stderr


async def test_the_decision_log_is_verified_and_exported(terminal: Terminal, tmp_path: Path) -> None:
    verified = await terminal.types("decisions", "verify")
    exported = await terminal.types("decisions", "export", str(tmp_path / "DECISIONS.log"))

    assert verified.stdout.startswith("the decision log is whole: 0 rows")
    assert exported.exit_code == 0
    assert (tmp_path / "DECISIONS.log").read_text() == ""


@pytest.mark.parametrize(
    "words",
    [
        ("mail", "show", "no/such/letter"),
        ("evidence", "show", "T-none"),
        ("approve", "no/such/approval", "--as", "vp-1"),
    ],
)
async def test_what_is_not_there_is_said_so(terminal: Terminal, words: tuple[str, ...]) -> None:
    missing = await terminal.types(*words)

    assert missing.exit_code == 2
    assert missing.stderr.startswith("error: ")


async def test_the_schema_is_brought_up_to_date_again_and_again(terminal: Terminal) -> None:
    upgraded = await terminal.types("db", "upgrade")

    assert upgraded.exit_code == 0
    assert upgraded.stdout.startswith("the schema is up to date")


def test_without_a_stack_a_command_says_how_to_get_one(bare_environment: None, tmp_path: Path) -> None:
    nothing_set = CliRunner().invoke(app, ["--data", str(tmp_path), "case", "list"])
    debugged = CliRunner().invoke(app, ["--data", str(tmp_path), "--debug", "case", "list"])

    assert nothing_set.exit_code == 2
    assert "RUNBOOKS_DATABASE_URL is not set" in nothing_set.stderr
    assert "`runbooks up` starts one here" in nothing_set.stderr
    assert debugged.exception is not None


def test_a_stack_that_is_away_is_a_failure_and_not_a_mistake(
    bare_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOKS_DATABASE_URL", f"postgresql://nobody:hush@{NOBODY_LISTENS}/nothing")
    monkeypatch.setenv("RUNBOOKS_TEMPORAL_ADDRESS", NOBODY_LISTENS)

    away = CliRunner().invoke(app, ["--data", str(tmp_path), "case", "list"])

    assert away.exit_code == 1
    assert "Postgres is not available" in away.stderr
    assert "hush" not in away.output


@pytest.mark.parametrize(
    "words",
    [
        ["dispute", "open"],
        ["dispute", "reply"],
        ["dispute", "ask-customer"],
        ["dispute", "withdraw"],
        ["dispute", "judge"],
        ["dispute", "de-escalate"],
        ["dispute", "try-again"],
        ["dispute", "reopen"],
        ["case", "list"],
        ["case", "show"],
        ["approvals", "list"],
        ["approve"],
        ["reject"],
        ["decisions", "list"],
        ["decisions", "verify"],
        ["decisions", "export"],
        ["mail", "list"],
        ["mail", "show"],
        ["evidence", "show"],
        ["operators", "add"],
        ["operators", "list"],
        ["operators", "deactivate"],
        ["db", "upgrade"],
        ["up"],
        ["demo"],
    ],
    ids=" ".join,
)
def test_every_command_teaches_by_example(words: list[str]) -> None:
    explained = CliRunner().invoke(app, [*words, "--help"])

    assert explained.exit_code == 0
    assert f"runbooks {' '.join(words)}" in explained.stdout
