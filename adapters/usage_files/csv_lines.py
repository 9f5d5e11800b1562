"""Usage as CSV: a header, commas, double quotes around what holds them, no line breaks within values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from adapters.usage_files.blocks import Block
from adapters.usage_files.columns import UsageFormat, objection_to
from adapters.usage_files.inspection import inspect_text, refused
from adapters.usage_files.lines import LineBlock, line_blocks
from adapters.usage_files.rows import ROW, Rows

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_HEADER_BYTES = 10_000
_HEADER_LINES = 1


class CsvUsage:
    """Satisfies `UsageFile`. Raises INVALID for a file that is empty, not UTF-8, or has the wrong header."""

    format = UsageFormat.CSV

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        with path.open("rb") as file:
            first = file.readline(_LONGEST_HEADER_BYTES).removeprefix(_BYTE_ORDER_MARK)
        header = _fields(first.decode("utf-8", "replace").rstrip("\r\n"))
        inspection = inspect_text(path, lambda before: _field_at(header or [], before))
        if header is None or (why := objection_to(header)):
            raise refused(path, f"line 1: {why if header else 'it cannot be read as CSV'}")
        self._columns = tuple(header)
        self.sha256 = inspection.sha256
        self.rows = inspection.lines - _HEADER_LINES

    def blocks(self, start: int = 0) -> Iterator[Block]:
        for lines in line_blocks(self._path, start + 1 + _HEADER_LINES):
            yield self._at_once(lines) or self._one_by_one(lines)

    def _at_once(self, lines: LineBlock) -> Block | None:
        """The whole block in one go, as nearly always; None when a row of it has to be looked at."""
        if lines.cut:
            return None
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(lines.content),
                read_options=arrow_csv.ReadOptions(
                    use_threads=False, block_size=len(lines.content) + 1, column_names=self._columns
                ),
                parse_options=arrow_csv.ParseOptions(ignore_empty_lines=False),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(self._columns, pa.string()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return None
        if len(table) != lines.count:
            return None
        first = lines.first_line
        return Block(table, range(first, first + lines.count), (), first + lines.count - 1 - _HEADER_LINES)

    def _one_by_one(self, lines: LineBlock) -> Block:
        rows = Rows(self._columns)
        end = lines.first_line + lines.count - 1
        if lines.cut:
            lines, last = lines.without_last()
            row = dict(zip(self._columns, _fields(last.decode()) or [], strict=False))
            rows.refuse(end, ROW, "ends without a line break: the file may be cut here; release it if it is whole", row)
        for number, line in lines.numbered():
            if line:
                self._add(rows, number, line.decode())
        return rows.block(end - _HEADER_LINES)

    def _add(self, rows: Rows, number: int, line: str) -> None:
        fields = _fields(line)
        if fields is None:
            rows.refuse(number, ROW, "cannot be read as CSV: a quote is open", line)
        elif len(fields) > len(self._columns):
            rows.refuse(number, ROW, f"has {len(fields)} fields where the header has {len(self._columns)}", line)
        elif len(fields) < len(self._columns):
            row = dict(zip(self._columns, fields, strict=False))
            field = self._columns[len(fields)]
            rows.refuse(number, field, f"is not there: the row has {len(fields)} of {len(self._columns)} fields", row)
        else:
            rows.add(number, dict(zip(self._columns, fields, strict=True)))


def _fields(line: str) -> list[str] | None:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return None


def _field_at(header: list[str], before: str) -> str:
    """The field that follows the beginning of a line; commas within quotes do not count."""
    place = sum(part.count(",") for part in before.split('"')[::2])
    return header[place] if place < len(header) else ROW
