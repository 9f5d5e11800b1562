"""Files of lines, some megabytes of whole lines at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from adapters.usage_files.blocks import BLOCK_BYTES


@dataclass(frozen=True)
class LineBlock:
    """Whole lines of a file; the first is number `first_line` of it, from 1, and they are `count`."""

    content: bytes
    first_line: int
    count: int

    @property
    def cut(self) -> bool:
        """Whether the last line lacks its line break: only the last one of a file can."""
        return not self.content.endswith(b"\n")

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """Each line with its number and without its line break."""
        for number, line in enumerate(self.content.split(b"\n"), start=self.first_line):
            if number < self.first_line + self.count:
                yield number, line.removesuffix(b"\r")

    def without_last(self) -> tuple[LineBlock, bytes]:
        """The block without its last line, and that line."""
        kept, last = self.content[: self.content.rfind(b"\n") + 1], self.content[self.content.rfind(b"\n") + 1 :]
        return LineBlock(kept, self.first_line, self.count - 1), last


def line_blocks(path: Path, first_line: int) -> Iterator[LineBlock]:
    """The lines of a file from `first_line` on."""
    with path.open("rb") as file:
        deque(islice(file, first_line - 1), maxlen=0)
        while content := file.read(BLOCK_BYTES):
            content += file.readline()
            count = content.count(b"\n") + (not content.endswith(b"\n"))
            yield LineBlock(content, first_line, count)
            first_line += count
