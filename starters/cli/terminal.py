"""How the commands show things: coloured tables to a person, tab-separated columns to a pipe.

Everything that came from outside loses its control characters first, so that no ticket can steer a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from textwrap import shorten
from typing import Any

from pydantic_core import to_jsonable_python
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

# What a list needs of a long sentence: two lines of an ordinary window.
_BRIEF = 140
# Between columns; and the least that a column of sentences needs to be read.
_GAP, _LEAST = 2, 30

# Words that a person looks for first.
_STYLES = {
    "breached": "bold red",
    "met late": "red",
    "for a person": "bold yellow",
    "refused": "bold red",
    "paused": "yellow",
    "unknown": "bold yellow",
    "met": "green",
    "credited": "green",
    "paid": "green",
    "uncollectible": "red",
    "void": "dim",
}


def clean(value: object) -> str:
    """A value as one printable line; None is a dash."""
    text = "–" if value is None or value == "" else str(value)
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def brief(text: str) -> str:
    """A long sentence as a list has room for it; a pipe gets all of it."""
    return shorten(text, _BRIEF, placeholder=" ...") if is_for_a_person() else text


def when(moment: datetime | None, now: datetime) -> str:
    """A moment in the reader's own time zone, with how far away it is; a pipe gets it in UTC as ISO 8601."""
    if moment is None:
        return "–"
    if not is_for_a_person():
        return _iso(moment)
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
    elif _fits(columns, lines, console.width):
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            # Only the last may break into lines; the first is what is copied into the next command.
            table.add_column(column, no_wrap=column != columns[-1])
        for line in lines:
            table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in line))
        console.print(table)
    else:
        for line in lines:
            _show_stacked(console, columns, line)


def _fits(columns: Sequence[str], lines: Sequence[Sequence[str]], width: int) -> bool:
    """Whether a row fits on a line, with room in the last column for words to break where they end."""
    widths = [max(map(cell_len, column)) for column in zip(columns, *lines, strict=True)]
    room = width - sum(widths[:-1]) - _GAP * (len(widths) - 1)
    longest_word = max(cell_len(word) for line in lines for word in line[-1].split())
    return widths[-1] <= room or longest_word <= room >= _LEAST


def _show_stacked(console: Console, columns: Sequence[str], line: Sequence[str]) -> None:
    """One row as a block: its name, and below it what is known, as many facts a line as there is room for."""
    console.print(Text(line[0], style="bold"), soft_wrap=True)
    facts = [
        Text.assemble((f"{column.lower()} ", "dim"), (value, _STYLES.get(value, "")))
        for column, value in zip(columns[1:], line[1:], strict=True)
        if value != "–"
    ]
    together = Text()
    for fact in facts:
        if together and together.cell_len + fact.cell_len + 5 > console.width:
            console.print(Padding(together, (0, 0, 0, _GAP)))
            together = Text()
        together = Text.assemble(together, " · ", fact) if together else fact
    console.print(Padding(together, (0, 0, 0, _GAP)))


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


def show_line(moment: datetime, text: str) -> None:
    """A sentence of a timeline: in the reader's time zone to a person, in UTC behind a tab to a pipe."""
    words, console = clean(text), Console()
    if not console.is_terminal:
        sys.stdout.write(f"{_iso(moment)}\t{words}\n")
        return
    grid = Table.grid(padding=(0, _GAP))
    grid.add_row(Text(f"{moment.astimezone():%a %d %b %H:%M:%S}", style="dim", no_wrap=True), Text(words))
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


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


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
