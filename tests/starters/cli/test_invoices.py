"""From a terminal: issued documents listed, shown, explained, printed and exported."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.console.corrected import corrected
from tests.starters.cli.conftest import Terminal
from tests.workflows.world import World

NUMBER = "INV-2026-10-acme"


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def tenant_id(terminal: Terminal) -> str:
    """A customer of this test only, with an invoice for October that nobody corrects."""
    name = f"own-{uuid4().hex[:8]}"
    return World(terminal.desk.books.engine).tenant(name).tenant_id


async def test_documents_are_listed_for_a_pipe_and_as_json(terminal: Terminal, tenant_id: str) -> None:
    listed = await terminal.types("invoice", "list", "--period", "2026-10", "--tenant", tenant_id)
    as_json = await terminal.types("invoice", "list", "--tenant", tenant_id, "--json")

    header, *rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert header == ["NUMBER", "KIND", "TENANT", "PERIOD", "STATUS", "TOTAL", "DUE", "ISSUED"]
    number = f"INV-2026-10-{tenant_id}"
    assert rows == [
        [number, "invoice", tenant_id, "2026-10", "paid", "USD 310.00", "USD 310.00", "2026-11-01T06:00:00+00:00"]
    ]
    assert [one["number"] for one in json.loads(as_json.stdout)["documents"]] == [number]


async def test_a_person_sees_colours_and_how_to_go_on(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    corrected(World(terminal.desk.books.engine))

    first = await terminal.types("invoice", "list", "--limit", "1")
    number = first.stdout.splitlines()[1].split()[0]
    following = await terminal.types("invoice", "list", "--limit", "1", "--after", number)

    assert "\x1b[32mpaid" in first.stdout
    assert first.stdout.endswith(f"there are more: --after {number}\n")
    assert number not in following.stdout.splitlines()[1]


async def test_a_corrected_invoice_is_shown_with_what_corrects_it(terminal: Terminal) -> None:
    documents = corrected(World(terminal.desk.books.engine))

    invoice, revision, note = [
        (await terminal.types("invoice", "show", name)).stdout
        for name in (documents.invoice, documents.revision, documents.note)
    ]

    assert f"corrected by\t{documents.revision}\n" in invoice
    assert f"\n{documents.note}\tUSD -12.00\t{documents.revision}\t" in invoice
    assert f"corrects\t{documents.invoice}\nby credit note\t{documents.note}\n" in revision
    assert f"amount\tUSD -12.00\ncorrects\t{documents.invoice}\nrestated by\t{documents.revision}\n" in note


async def test_a_malformed_filter_is_named(terminal: Terminal) -> None:
    month = await terminal.types("invoice", "list", "--period", "2026-13")
    currency = await terminal.types("invoice", "list", "--currency", "XXX")
    kind = await terminal.types("invoice", "list", "--kind", "bill")

    assert {answer.exit_code for answer in (month, currency, kind)} == {2}
    assert "write it as yyyy-mm, for example 2026-10" in month.stderr
    assert "is not one we bill in" in currency.stderr
    assert "credit_note" in kind.stderr


async def test_a_document_is_shown_for_a_pipe_and_as_json(terminal: Terminal, tenant_id: str) -> None:
    number = f"INV-2026-10-{tenant_id}"
    shown = await terminal.types("invoice", "show", number)
    as_json = await terminal.types("invoice", "show", f"inv-{tenant_id}", "--json")

    head, lines = shown.stdout.split("\n\n")
    fields = dict(line.split("\t") for line in head.splitlines())
    assert (fields["number"], fields["kind"], fields["status"]) == (number, "invoice", "paid")
    assert (fields["total"], fields["due"], fields["at the provider"]) == (
        "USD 310.00",
        "USD 310.00",
        f"in_{tenant_id}",
    )
    assert lines.splitlines() == [
        "LINE\tKIND\tQUANTITY\tAMOUNT\tDESCRIPTION",
        "1\tusage\t3,100\tUSD 310.00\tAPI calls",
    ]
    assert json.loads(as_json.stdout)["number"] == number


async def test_an_explanation_goes_down_to_the_days_and_the_events(terminal: Terminal) -> None:
    told = await terminal.types("invoice", "explain", NUMBER, "--rows", "2")
    as_json = await terminal.types("invoice", "explain", NUMBER, "--json")

    assert (
        "1. API calls: USD 310.00\nEvery unit of api_calls is billable.\n3,100 units at USD 0.1 make USD 310.\n"
        in told.stdout
    )
    assert "31 days with usage, 1 October 2026 to 31 October 2026, count 3,100 units in 31 events." in told.stdout
    assert "\n2026-10-31\t100\t1\n" in told.stdout
    assert "EVENT AT\tQUANTITY\tROUTE\tMODEL\tEVENT\n2026-10-01T16:00:00+00:00\t100\t/v1/calls\t–\t" in told.stdout
    assert told.stdout.endswith("\nCharges of USD 310.00 make the total of USD 310.00.\n")
    assert len(json.loads(as_json.stdout)["lines"][0]["usage"]) == 31


@pytest.mark.parametrize("command", ["show", "explain", "pdf"])
async def test_an_unknown_number_is_answered_with_the_nearest(terminal: Terminal, command: str) -> None:
    unknown = await terminal.types("invoice", command, "INV-2026-10-acne")

    assert unknown.exit_code == 2
    assert f"there is no invoice or credit note INV-2026-10-acne; the nearest are {NUMBER}" in unknown.stderr


async def test_a_pdf_is_written_once_and_replaced_only_on_demand(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = await terminal.types("invoice", "pdf", NUMBER)
    again = await terminal.types("invoice", "pdf", NUMBER)
    (tmp_path / "other.pdf").write_text("mine")
    forced = await terminal.types("invoice", "pdf", "inv-acme", "--out", "other.pdf", "--force")
    nowhere = await terminal.types("invoice", "pdf", NUMBER, "--out", "none/other.pdf")
    into = await terminal.types("invoice", "pdf", NUMBER, "--out", ".")

    content = (tmp_path / f"{NUMBER}.pdf").read_bytes()
    assert content[:5] == b"%PDF-"
    assert written.stdout == f"{NUMBER}.pdf: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}\n"
    assert (again.exit_code, forced.exit_code, nowhere.exit_code, into.exit_code) == (2, 0, 2, 2)
    assert "there is a file of this name, --force replaces it" in again.stderr
    assert (tmp_path / "other.pdf").read_bytes() == content
    assert "there is no directory none" in nowhere.stderr
    assert "this is a directory, name a file in it" in into.stderr
    assert names_in(tmp_path) >= {f"{NUMBER}.pdf", "other.pdf"}
    assert not [name for name in names_in(tmp_path) if "unfinished" in name]


async def test_a_pdf_goes_to_standard_output_as_it_is(terminal: Terminal) -> None:
    answer = await terminal.types("invoice", "pdf", NUMBER, "--out", "-")

    _, sha256, _ = terminal.desk.books.press.pdf(NUMBER)
    assert hashlib.sha256(answer.stdout_bytes).hexdigest() == sha256


async def test_a_month_is_exported_by_the_suffix_of_its_file(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "october.csv"
    written = await terminal.types("invoice", "export", "--period", "2026-10", "--out", str(file))
    again = await terminal.types("invoice", "export", "--period", "2026-10", "--out", str(file))
    lines = await terminal.types(
        "invoice", "export", "--period", "2026-10", "--lines", "--format", "json", "--out", "-"
    )

    rows = {row["number"]: row for row in csv.DictReader(io.StringIO(file.read_text()))}
    assert written.exit_code == 0
    assert written.stdout.startswith(f"{file}: {len(rows):,} row")
    assert f"SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}" in written.stdout
    assert (rows[NUMBER]["total"], rows[NUMBER]["total_minor"]) == ("310.00", "31000")
    assert (again.exit_code, "--force replaces it" in again.stderr) == (2, True)
    assert [one["amount"] for one in json.loads(lines.stdout) if one["number"] == NUMBER] == ["310.00"]


async def test_a_person_sees_how_far_an_export_is_and_a_pipe_nothing(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = await terminal.types("invoice", "export", "--period", "2026-10", "--out", str(tmp_path / "quiet.json"))
    monkeypatch.setenv("FORCE_COLOR", "1")

    seen = await terminal.types("invoice", "export", "--period", "2026-10", "--out", str(tmp_path / "seen.json"))

    assert (quiet.stderr, quiet.exit_code, seen.exit_code) == ("", 0, 0)
    assert "of 2026-10" in seen.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--period", "october", "--out", "x.csv"), "write it as yyyy-mm, for example 2026-10"),
        (("--period", "2026-10", "--out", "x.txt"), "choose with --format one of csv, parquet, json"),
        (("--period", "2026-10", "--out", "-"), "choose with --format one of csv, parquet, json"),
        (("--period", "2026-10", "--out", "-", "--format", "parquet"), "Parquet needs a file"),
        (("--period", "2026-10", "--out", "none/x.csv"), "there is no directory none"),
    ],
)
async def test_what_cannot_be_exported_says_what_to_do(terminal: Terminal, words: tuple[str, ...], told: str) -> None:
    refused = await terminal.types("invoice", "export", *words)

    assert refused.exit_code == 2
    assert told in refused.stderr


async def test_an_export_that_fails_leaves_nothing_behind(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("adapters.postgres.exports.files.CsvCopy.add", fail)
    before = names_in(tmp_path)

    failed = await terminal.types("invoice", "export", "--period", "2026-10", "--out", str(tmp_path / "x.csv"))

    assert failed.exit_code == 1
    assert "No space left on device" in failed.stderr
    assert names_in(tmp_path) == before
