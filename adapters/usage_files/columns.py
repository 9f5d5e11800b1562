"""The columns of a usage file, in whichever format it comes, and what is wrong with a header or a schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from billing.failures import BillingFailure, FailureCode
from billing.wording import counted

REQUIRED = ("event_id", "tenant_id", "event_time", "meter", "quantity", "route", "trace_id", "api_key_id")
OPTIONAL = ("tool", "model")
COLUMNS = (*REQUIRED, *OPTIONAL)


class UsageFormat(StrEnum):
    """How rows are written in a usage file."""

    CSV = "csv"
    PARQUET = "parquet"
    JSON_LINES = "jsonl"


_SUFFIXES = {
    ".csv": UsageFormat.CSV,
    ".parquet": UsageFormat.PARQUET,
    ".jsonl": UsageFormat.JSON_LINES,
    ".ndjson": UsageFormat.JSON_LINES,
}


def format_of(path: Path) -> UsageFormat:
    """The format that a file's suffix says; raises INVALID when it says none."""
    if known := _SUFFIXES.get(path.suffix.lower()):
        return known
    raise BillingFailure(
        FailureCode.INVALID,
        f"{path.name}: the suffix {path.suffix or '(none)'} names no format; say it with --format csv, parquet or jsonl",
    )


def objection_to(columns: Sequence[str]) -> str | None:
    """Why these are not the columns of a usage file, as a sentence; None when they are, in any order."""
    if twice := _listed(sorted({name for name in columns if columns.count(name) > 1})):
        return f"the columns name {twice} more than once"
    if missing := _listed(name for name in REQUIRED if name not in columns):
        return f"the columns lack {missing}; found are {_listed(columns) or 'none'}"
    if unknown := _listed(name for name in columns if name not in COLUMNS):
        return f"the columns name {unknown}, which is unknown; known are {_listed(COLUMNS)}"
    return None


def _listed(names: Iterable[str]) -> str:
    shown = [name if name.isprintable() and len(name) <= 40 else f"{name[:40]!r}" for name in names]
    if len(shown) > len(COLUMNS) + 5:
        shown = [*shown[: len(COLUMNS)], f"{counted(len(shown) - len(COLUMNS), 'more column')}"]
    return ", ".join(shown)
