"""From a terminal: issued documents listed."""

from __future__ import annotations

import json

from tests.starters.cli.conftest import Terminal

NUMBER = "INV-2026-10-acme"


async def test_documents_are_listed_for_a_pipe_and_as_json(terminal: Terminal) -> None:
    listed = await terminal.types("invoice", "list", "--period", "2026-10", "--tenant", "acme")
    as_json = await terminal.types("invoice", "list", "--json")

    header, *rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert header == ["NUMBER", "KIND", "TENANT", "PERIOD", "STATUS", "TOTAL", "DUE", "ISSUED"]
    assert rows == [
        [NUMBER, "invoice", "acme", "2026-10", "paid", "USD 310.00", "USD 310.00", "2026-11-01T06:00:00+00:00"]
    ]
    assert [one["number"] for one in json.loads(as_json.stdout)["documents"]] == [NUMBER]


async def test_a_malformed_filter_is_named(terminal: Terminal) -> None:
    month = await terminal.types("invoice", "list", "--period", "2026-13")
    currency = await terminal.types("invoice", "list", "--currency", "XXX")
    kind = await terminal.types("invoice", "list", "--kind", "bill")

    assert {answer.exit_code for answer in (month, currency, kind)} == {2}
    assert "write it as yyyy-mm, for example 2026-10" in month.stderr
    assert "is not one we bill in" in currency.stderr
    assert "credit_note" in kind.stderr
