"""A terminal beside a running sandbox: its data directory, its operators, and nothing else set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.testing import Result

from settings import Settings
from tests.starters.cli.counter import lay_out, typed
from tests.starters.desk import CaseDesk


@dataclass(frozen=True)
class Terminal:
    """Types commands beside a sandbox; `data` is the sandbox's directory."""

    data: Path
    desk: CaseDesk

    async def types(self, *words: str, given: str | None = None) -> Result:
        """Run a command in a thread, as cases are worked on meanwhile; `given` comes through standard input."""
        return await typed(self.data, words, given)


@pytest.fixture(scope="session", autouse=True)
def command_line_put_together_once() -> Iterator[None]:
    """Typer makes its hundred commands anew for every line that is typed in a test; a process has only one to make."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        yield


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RUNBOOKS_{name.upper()}", raising=False)
    monkeypatch.delenv("RUNBOOKS_ENV_FILE", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def terminal(bare_environment: None, desk: CaseDesk, tmp_path: Path) -> Terminal:
    lay_out(tmp_path, desk.books.engine, desk.settings.temporal_address, desk.settings.task_queue, desk.tokens)
    return Terminal(tmp_path, desk)
