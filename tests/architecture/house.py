"""The house as its source files show it: its rooms, and each file parsed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).parents[2]
ROOMS = ("billing", "activities", "adapters", "workflows", "starters", "console", "emails", "sandbox")


def files(*rooms: str) -> Iterator[Path]:
    """Every Python file of the rooms, each a folder or one file, by its path from the top of the house."""
    for room in rooms:
        for path in sorted((HERE / room).rglob("*.py")) or [HERE / room]:
            yield path.relative_to(HERE)


def sources(*rooms: str) -> Iterator[tuple[Path, ast.Module]]:
    """The same files, each parsed; a file is parsed once a process, since all of them take seconds."""
    return ((path, _parsed(path)) for path in files(*rooms))


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse((HERE / path).read_text())
