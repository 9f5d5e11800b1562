"""What every reader hands on: some thousand rows of a file side by side, and the rows that cannot be read at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from adapters.usage_files.columns import UsageFormat

# So many bytes of text, or so many rows of Parquet, are read, checked and stored at a time.
BLOCK_BYTES = 16 << 20
BLOCK_ROWS = 100_000


@dataclass(frozen=True)
class Flaw:
    """What keeps one row out: its place in the file, from 1, the field, and the reason as words that may follow it."""

    line: int
    field: str
    reason: str
    row: dict[str, str | None]


@dataclass(frozen=True)
class Block:
    """`table` has the columns of `COLUMNS` that the file has, as text or typed; `lines` the place of each row in the
    file, from 1. `end` counts the rows of the file, good or not, that are done with after this block."""

    table: pa.Table
    lines: Sequence[int]
    flaws: tuple[Flaw, ...]
    end: int


class UsageFile(Protocol):
    """A whole, readable file: whatever could be wrong with it as a file was found before a row was handed on.

    `rows` counts every row, `sha256` is that of the bytes.
    """

    @property
    def name(self) -> str:
        """Of the file as it was given, without its folder."""

    @property
    def format(self) -> UsageFormat:
        """What the content is, whatever the name says."""

    @property
    def rows(self) -> int:
        """Good and bad ones, a header left out."""

    @property
    def sha256(self) -> str:
        """In lower-case hexadecimal, by which a file is known again."""

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """The blocks behind the first `start` rows, which an earlier load has done."""
