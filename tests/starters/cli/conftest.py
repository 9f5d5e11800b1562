"""A terminal beside a running sandbox: its data directory, its operators, and nothing else set."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from settings import Settings
from starters.cli import app
from tests.starters.desk import CaseDesk


@dataclass(frozen=True)
class Terminal:
    """Types commands beside a sandbox; `data` is the sandbox's directory."""

    data: Path
    desk: CaseDesk

    async def types(self, *words: str, given: str | None = None) -> Result:
        """Run a command in a thread, as cases are worked on meanwhile; `given` comes through standard input."""
        command = ["--data", str(self.data), *words]
        return await asyncio.to_thread(CliRunner().invoke, app, command, input=given, catch_exceptions=False)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RUNBOOKS_{name.upper()}", raising=False)
    monkeypatch.delenv("RUNBOOKS_ENV_FILE", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture
def terminal(bare_environment: None, desk: CaseDesk, tmp_path: Path) -> Terminal:
    found = {
        "RUNBOOKS_DATABASE_URL": desk.books.engine.url.render_as_string(hide_password=False),
        "RUNBOOKS_TEMPORAL_ADDRESS": desk.settings.temporal_address,
        "RUNBOOKS_TASK_QUEUE": desk.settings.task_queue,
    }
    (tmp_path / "sandbox.json").write_text(json.dumps({"settings": found}))
    (tmp_path / "operators.json").write_text(json.dumps(desk.tokens))
    return Terminal(tmp_path, desk)
