"""How far a load is: a bar for a person on standard error, nothing for a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from billing.usage import LoadReport
from starters.cli.terminal import clean


class _Rate(ProgressColumn):
    """Rows a second, as of late."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} rows/s", style="dim")


@contextmanager
def loading(name: str, rows: int) -> Iterator[Callable[[LoadReport], None]]:
    """A bar for the length of the block; call it with each report."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(clean(name), total=rows)
        yield lambda report: progress.update(task, completed=report.position)
