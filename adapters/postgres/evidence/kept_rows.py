"""Reading the rows behind a finding back from its evidence pack, and refusing a file that is not the one collected."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from adapters.postgres.evidence.fact_rows import Fact
from billing.evidence import RowSet
from billing.failures import BillingFailure, FailureCode


class KeptRow(NamedTuple):
    """One row as `fact_rows.csv` holds it; Postgres reads the texts back."""

    event_id: str
    event_time: str
    quantity: str


class _Check:
    """Counts and hashes the rows of one finding as they pass; the file keeps them sorted by id."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._count = 0

    def add(self, event_id: str) -> None:
        self._hash.update(f"\n{event_id}".encode() if self._count else event_id.encode())
        self._count += 1

    def agrees_with(self, rows: RowSet) -> bool:
        return self._count == rows.count and self._hash.hexdigest() == rows.sha256


def rows_behind(file: Path, resting: Mapping[int, tuple[Fact, RowSet]]) -> Iterator[tuple[int, KeptRow]]:
    """The rows of each numbered finding, in the file's order, one pass for all of them.

    Raises CONFLICT at the end when rows were changed since they were collected, UNAVAILABLE when the file is not there.
    """
    findings_of: dict[tuple[str, str], list[int]] = {}
    for number, (fact, rows) in resting.items():
        findings_of.setdefault((fact.value, rows.sha256), []).append(number)
    checks = {number: _Check() for number in resting}
    for line in _lines(file):
        for number in findings_of.get((line["fact"], line["rows_sha256"]), ()):
            checks[number].add(line["event_id"])
            yield number, KeptRow(line["event_id"], line["event_time"], line["quantity"])
    for number, (_, rows) in resting.items():
        if not checks[number].agrees_with(rows):
            raise BillingFailure(
                FailureCode.CONFLICT,
                f"{file.name} no longer holds the {rows.count} rows with SHA-256 {rows.sha256} of finding {number}: "
                "restore the evidence folder from its backup, or collect anew in another round",
            )


def _lines(file: Path) -> Iterator[dict[str, str]]:
    try:
        handle = file.open(newline="", encoding="utf-8")
    except FileNotFoundError:
        raise BillingFailure(
            FailureCode.UNAVAILABLE,
            f"{file.name} is not in the evidence folder {file.parent.parent.name}/{file.parent.name}: "
            "every worker needs the same evidence directory",
        ) from None
    with handle:
        yield from csv.DictReader(handle)
