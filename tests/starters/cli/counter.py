"""A terminal beside a house of its own, whose runbooks really run; what is typed finds the house as it finds a sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from starters.cli import app
from tests.workflows.desk import Desk

D = TypeVar("D", bound=Desk)


async def typed(data: Path, words: Sequence[str], given: str | None = None) -> Result:
    """Run a command in a thread, as cases are worked on meanwhile; `given` comes through standard input."""
    command = ["--data", str(data), *words]
    return await asyncio.to_thread(CliRunner().invoke, app, command, input=given, catch_exceptions=False)


def lay_out(
    data: Path, engine: Engine, temporal_address: str, queue: str, tokens: Mapping[str, str], **more: str
) -> None:
    """Write down where the house is, and its operators' tokens, where a sandbox would; `more` are further settings."""
    found = {
        "RUNBOOKS_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "RUNBOOKS_TEMPORAL_ADDRESS": temporal_address,
        "RUNBOOKS_TASK_QUEUE": queue,
    }
    (data / "sandbox.json").write_text(json.dumps({"settings": found | more}))
    (data / "operators.json").write_text(json.dumps(dict(tokens)))


@dataclass
class Counter(Generic[D]):
    """A terminal beside one desk; `data` is laid out when it is made."""

    desk: D
    data: Path

    def __post_init__(self) -> None:
        world, client = self.desk.world, self.desk.clock.client
        address = client.service_client.config.target_host
        lay_out(self.data, world.engine, address, self.desk.queue, world.tokens)

    async def types(self, words: str, *more: str) -> Result:
        """Type a command; what it starts waits for people and not for the clock."""
        with self.desk.clock.held():
            return await typed(self.data, [*words.split(), *more])


def shown_as_json(result: Result) -> dict[str, Any]:
    """The answer among what the worker of the same process has logged."""
    shown: dict[str, Any] = json.loads(result.stdout[result.stdout.index("{\n") : result.stdout.rindex("}") + 1])
    return shown
