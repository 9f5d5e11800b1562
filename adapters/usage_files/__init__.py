"""Files of usage events in three formats, read in blocks and checked column by column.

`open_usage_file` finds what is wrong with a file as a whole before any row is handed on; what is wrong with a row is told
with the row, so that the others can be kept.
"""

from __future__ import annotations

from pathlib import Path

from adapters.usage_files.blocks import UsageFile
from adapters.usage_files.columns import UsageFormat, format_of
from adapters.usage_files.csv_lines import CsvUsage
from adapters.usage_files.json_lines import JsonLinesUsage
from adapters.usage_files.parquet import ParquetUsage

__all__ = ["UsageFile", "UsageFormat", "open_usage_file"]

_READERS: dict[UsageFormat, type[CsvUsage] | type[ParquetUsage] | type[JsonLinesUsage]] = {
    UsageFormat.CSV: CsvUsage,
    UsageFormat.PARQUET: ParquetUsage,
    UsageFormat.JSON_LINES: JsonLinesUsage,
}


def open_usage_file(path: Path, written_as: UsageFormat | None = None) -> UsageFile:
    """The file at `path`, whole and readable; the format is its suffix's unless given. Raises INVALID, or OSError when
    it is not there."""
    return _READERS[written_as or format_of(path)](path)
