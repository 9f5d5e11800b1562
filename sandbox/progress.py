"""What a person sees while the sandbox starts: a live board on a terminal, one line for each event in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


class State(StrEnum):
    """Where a part or a step stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


MARKS = {State.WAITING: "·", State.READY: "✓", State.FAILED: "✗", State.STOPPED: "–"}
STYLES = {State.WAITING: "dim", State.STARTING: "cyan", State.READY: "green", State.FAILED: "red", State.STOPPED: "dim"}


@dataclass
class _Row:
    state: State = State.WAITING
    detail: str = ""
    since: float = field(default_factory=time.monotonic)
    spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))


class Board:
    """One row for each name. `console` decides: a terminal is redrawn, anything else gets plain lines."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._rows: dict[str, _Row] = {}
        self._foretold: set[str] = set()

    @contextmanager
    def shown(self, names: list[str]) -> Iterator[None]:
        """Show the board until the block ends; what it showed last stays on the terminal."""
        self._rows = {name: _Row() for name in names}
        if not self.console.is_terminal:
            yield
            return
        with Live(get_renderable=self._drawn, console=self.console, refresh_per_second=12):
            yield

    def set(self, name: str, state: State, detail: str = "") -> None:
        """Tell of a change; being ready tells how long it took."""
        row = self._rows.setdefault(name, _Row())
        if state == State.STARTING and row.state == State.WAITING:
            row.since = time.monotonic()
        if state == State.READY and not detail:
            detail = f"{time.monotonic() - row.since:.1f} s"
        row.state, row.detail = state, detail
        if not self.console.is_terminal:
            self._print(f"{name:<{self._width}}  {state.value}{f': {detail}' if detail else ''}")

    def report(self, title: str, words: str) -> None:
        """Print a failure with the log that belongs to it."""
        self.console.print(Text(title, style="bold red"))
        self._print(words)

    def foretell(self, name: str) -> None:
        """The person was told that this part is about to end: its end is no failure and needs no report."""
        self._foretold.add(name)

    def is_foretold(self, name: str) -> bool:
        """Whether the end of this part was announced."""
        return name in self._foretold

    def addresses(self, addresses: Mapping[str, str]) -> None:
        """Print where everything is."""
        width = max(map(len, addresses), default=0)
        self._print("")
        for name, address in addresses.items():
            self._print(f"  {name:<{width}}  {address}")
        self._print("")

    def tell(self, words: str) -> None:
        """Print a line of its own."""
        self._print(words)

    def _print(self, words: str) -> None:
        # Logs and addresses are shown as they are: no markup, no colours, no line broken for a pipe's sake.
        self.console.print(words, markup=False, highlight=False, soft_wrap=True)

    @property
    def _width(self) -> int:
        return max(map(len, self._rows), default=0)

    def _drawn(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for name, row in self._rows.items():
            mark = row.spinner if row.state == State.STARTING else Text(MARKS[row.state], style=STYLES[row.state])
            words = row.detail or row.state.value
            table.add_row(mark, Text(name, style="bold"), Text(words, style=STYLES[row.state]))
        return Group(table)
