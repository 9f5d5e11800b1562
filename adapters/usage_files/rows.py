"""Rows that are looked at one by one, where a whole block could not be read at once."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from adapters.usage_files.blocks import Block, Flaw

# What is named where no single field of a row is wrong.
ROW = "row"


def keepable(words: str) -> str:
    """Words as a database can keep them and an answer repeat them: no NULs, no halves of letters, on one line."""
    whole = words.encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "�" for letter in whole)


class Rows:
    """Collects rows of text by column, and what is wrong with those that have none."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._values: list[list[str | None]] = [[] for _ in columns]
        self._lines: list[int] = []
        self._flaws: list[Flaw] = []

    def add(self, line: int, row: Mapping[str, str | None]) -> None:
        """A row that may be usage; columns it does not have are missing."""
        self._lines.append(line)
        for name, values in zip(self._columns, self._values, strict=True):
            values.append(row.get(name))

    def refuse(self, line: int, field: str, reason: str, row: Mapping[str, str | None] | str) -> None:
        """A row that is none, by column as far as it could be read, else as it stands."""
        as_sent: dict[str, str | None] = (
            {ROW: row} if isinstance(row, str) else {keepable(name): value for name, value in row.items()}
        )
        self._flaws.append(Flaw(line, keepable(field) or ROW, reason, as_sent))

    def block(self, end: int) -> Block:
        """Everything that was collected; `end` rows of the file are done with."""
        columns = [pa.array(values, pa.string()) for values in self._values]
        return Block(pa.table(columns, names=list(self._columns)), self._lines, tuple(self._flaws), end)
