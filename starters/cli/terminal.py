"""How the commands show things: coloured tables to a person, tab-separated columns to a pipe.

Everything that came from outside loses its control characters first, so that no ticket can steer a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from textwrap import shorten
from typing import Any

from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table
from rich.text import Text

# About a line of an ordinary window, beside the other columns.
_BRIEF = 90

# Words that a person looks for first.
_STYLES = {
    "breached": "bold red",
    "met late": "red",
    "needs a person": "bold yellow",
    "refused": "bold red",
    "paused": "yellow",
    "unknown": "bold yellow",
    "met": "green",
    "credited": "green",
}


def clean(value: object) -> str:
    """A value as one printable line; None is a dash."""
    text = "–" if value is None or value == "" else str(value)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def brief(text: str) -> str:
    """A long sentence as a list has room for it; a pipe gets all of it."""
    return shorten(text, _BRIEF, placeholder=" ...") if is_for_a_person() else text


def when(moment: datetime | None, now: datetime) -> str:
    """A moment in the reader's own time zone, with how far away it is."""
    if moment is None:
        return "–"
    return f"{moment.astimezone():%a %d %b %H:%M} ({_distance(moment - now)})"


def is_for_a_person() -> bool:
    """Whether somebody looks at the output; otherwise a program reads it."""
    return Console().is_terminal


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, nothing: str) -> None:
    """One row a line; `nothing` is said to a person when there is none."""
    lines = [[clean(cell) for cell in row] for row in rows]
    console = Console()
    if not console.is_terminal:
        for line in [list(columns), *lines]:
            sys.stdout.write("\t".join(line) + "\n")
    elif not lines:
        console.print(Text(nothing, style="dim"))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for number, column in enumerate(columns):
            # The first column is what is copied into the next command.
            table.add_column(column, no_wrap=number == 0, overflow="fold")
        for line in lines:
            table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in line))
        console.print(table)


def show_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Names and values, one a line."""
    pairs = [(name, clean(value)) for name, value in fields]
    console = Console()
    if not console.is_terminal:
        for name, value in pairs:
            sys.stdout.write(f"{name}\t{value}\n")
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in pairs:
        grid.add_row(Text(name, style="bold"), Text(value, style=_STYLES.get(value, "")))
    console.print(grid)


def show_heading(text: str) -> None:
    """A heading for a person; a pipe gets an empty line between parts."""
    console = Console()
    if console.is_terminal:
        console.print()
        console.print(Text(text, style="bold underline"))
    else:
        sys.stdout.write("\n")


def show_json(content: Any) -> None:
    """JSON for programs, whatever the output goes to."""
    sys.stdout.write(json.dumps(to_jsonable_python(content), indent=2, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """A sentence about what was done."""
    if is_for_a_person():
        Console(soft_wrap=True).print(Text(text))
    else:
        sys.stdout.write(f"{text}\n")


def complain(text: str) -> None:
    """A sentence about what is wrong, on standard error."""
    console = Console(stderr=True, soft_wrap=True)
    for number, line in enumerate(text.splitlines()):
        lead = "error: " if number == 0 else "       "
        console.print(Text(lead, style="bold red"), Text(line), sep="")


def _distance(span: timedelta) -> str:
    """How far a moment is, in the two units that matter; the sandbox lives in seconds, production in days."""
    seconds = int(abs(span) / timedelta(seconds=1))
    sizes = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in sizes:
        count, seconds = divmod(seconds, size)
        parts.append((count, name))
    first = next((place for place, (count, _) in enumerate(parts) if count), None)
    if first is None:
        return "now"
    words = " ".join(f"{count} {name}" for count, name in parts[first : first + 2] if count)
    return f"in {words}" if span > timedelta(0) else f"{words} ago"
