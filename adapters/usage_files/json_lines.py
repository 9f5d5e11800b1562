"""Usage as JSON lines: one object a line, quantities as numbers or text, everything else as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import json as arrow_json

from adapters.usage_files.blocks import Block
from adapters.usage_files.columns import COLUMNS, UsageFormat
from adapters.usage_files.inspection import inspect_text, refused
from adapters.usage_files.lines import LineBlock, line_blocks
from adapters.usage_files.rows import ROW, Rows

_LONGEST_ROW_BYTES = 100_000
# Wider than what is kept: this reader lets a number that is too long overflow its own width unseen.
_ANY_QUANTITY = pa.decimal128(38, 6)
_SCHEMA = pa.schema([(name, _ANY_QUANTITY if name == "quantity" else pa.string()) for name in COLUMNS])
_PARSING = arrow_json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="error", newlines_in_values=False)


class JsonLinesUsage:
    """Satisfies `UsageFile`. Raises INVALID for a file that is empty, not UTF-8, or begins with anything but an object."""

    format = UsageFormat.JSON_LINES

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        inspection = inspect_text(path, _field_at)
        with path.open("rb") as file:
            first = file.readline(_LONGEST_ROW_BYTES).strip()
        if not first.startswith(b"{"):
            raise refused(path, "line 1: a usage file as JSON lines has one object {...} a line")
        self.sha256 = inspection.sha256
        self.rows = inspection.lines

    def blocks(self, start: int = 0) -> Iterator[Block]:
        for lines in line_blocks(self._path, start + 1):
            yield _at_once(lines) or _one_by_one(lines)


def _at_once(lines: LineBlock) -> Block | None:
    """The whole block in one go, as nearly always; None when a row of it has to be looked at."""
    try:
        table = arrow_json.read_json(
            pa.BufferReader(lines.content),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(lines.content) + 1),
            parse_options=_PARSING,
        )
    except pa.ArrowInvalid:
        return None
    if len(table) != lines.count:
        return None
    return Block(table, range(lines.first_line, lines.first_line + lines.count), (), lines.first_line + lines.count - 1)


def _one_by_one(lines: LineBlock) -> Block:
    rows = Rows(COLUMNS)
    end = lines.first_line + lines.count - 1
    for number, line in lines.numbered():
        if not line.strip():
            continue
        cut = lines.cut and number == end
        _add(rows, number, line.decode(), "is no JSON: the file is cut here" if cut else "is no JSON object")
    return rows.block(end)


def _add(rows: Rows, number: int, line: str, unreadable: str) -> None:
    try:
        row = read_json(line)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, _TwiceError) else unreadable
        return rows.refuse(number, ROW, why, line)
    return add_object(rows, number, row)


def read_json(text: str | bytes) -> Any:
    """JSON with numbers as the text they were written as; raises ValueError, also for a field that an object has twice,
    and RecursionError."""
    return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=str, object_pairs_hook=_once)


def add_object(rows: Rows, number: int, row: Any) -> None:
    """One event as `read_json` gave it: an object of text, a number only as quantity, nothing unknown."""
    if not isinstance(row, dict):
        return rows.refuse(number, ROW, "is no JSON object", str(row))
    for name, value in row.items():
        if name not in COLUMNS:
            known = ", ".join(COLUMNS)
            return rows.refuse(number, name[:40] or ROW, f"is no field of an event; known are {known}", _plain(row))
        if not (value is None or _is_text(value) or (name == "quantity" and isinstance(value, _Number))):
            return rows.refuse(number, name, "is no text", _plain(row))
    return rows.add(number, row)


def _is_text(value: Any) -> bool:
    """Text that can be kept: not a number, and no half of a pair of surrogates."""
    return isinstance(value, str) and not isinstance(value, _Number) and _encodable(value)


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Number(str):
    """A number of JSON as it was written."""

    __slots__ = ()


class _TwiceError(ValueError):
    """A field that one object has twice: nobody knows which one is meant."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise _TwiceError("has a field twice")
    return row


def _plain(row: dict[str, Any]) -> dict[str, str | None]:
    return {name[:40]: value if value is None else str(value) for name, value in row.items()}


def _field_at(before: str) -> str:
    """The field whose value, or name, follows the beginning of a line."""
    names = re.findall(r'"(\w+)"\s*:', before)
    return names[-1] if names else ROW
