"""How far an export is: a line for a person on standard error, nothing for a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from adapters.postgres.exports.streaming import Noting
from billing.wording import counted


class _Line:
    """Satisfies `Noting`."""

    def __init__(self, progress: Progress, task: TaskID, what: str) -> None:
        self._progress = progress
        self._task = task
        self._what = what

    def note(self, words: str) -> None:
        self._progress.update(self._task, description=f"{self._what}: {words}")


@contextmanager
def exporting(period: str, documents: int) -> Iterator[Noting]:
    """A line that moves for the length of the block."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    what = f"{counted(documents, 'document')} of {period}"
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield _Line(progress, progress.add_task(what, total=None), what)
