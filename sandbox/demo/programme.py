"""Plays the stories on a fresh sandbox, tells how each one ended, and sums up."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox.demo.crash import the_worker_dies
from sandbox.demo.stage import Stage, StoryError, Told
from sandbox.demo.stories import STORIES
from sandbox.parts import Sandbox, SandboxOptions
from sandbox.programs import stop
from sandbox.progress import Board
from sandbox.removal import remove
from sandbox.run_record import RECORD
from sandbox.up import run_sandbox
from workflows.blocks import attributes

Play = Callable[[Stage], Awaitable[Told]]


async def play(data: Path, *, speed: int, stay: bool) -> int:
    """Start a sandbox on a fresh `data` directory and play; 0 when every story went as told, else 1.

    With `stay` everything is left up until Ctrl-C.
    """
    console = Console()
    _start_afresh(data)
    options = SandboxOptions(speed=speed, search_attributes=attributes.ALL)

    async def programme(sandbox: Sandbox) -> int:
        return await _Programme(console, sandbox, speed).run(stay=stay)

    return await run_sandbox(data, options, Board(console), programme)


def _start_afresh(data: Path) -> None:
    """Stories are played once: yesterday's credits would answer today's tickets."""
    remove(data)


class _Programme:
    def __init__(self, console: Console, sandbox: Sandbox, speed: int) -> None:
        self._console = console
        self._sandbox = sandbox
        self._speed = speed
        self._told: list[Told] = []
        self._failed: list[str] = []

    async def run(self, *, stay: bool) -> int:
        stage = Stage.on(self._sandbox)
        successor: Process | None = None
        try:
            await asyncio.gather(*(self._tell(story(stage)) for story in STORIES))
            successor = await self._crash(stage)
            self._sum_up()
            if stay:
                await self._stay()
        finally:
            await stage.http.aclose()
            if successor:
                await stop(successor, signal.SIGTERM, 25)
        return 1 if self._failed else 0

    async def _tell(self, story: Awaitable[Told]) -> None:
        try:
            told = await story
        except StoryError as error:
            self._failed.append(str(error))
            self._console.print(f"[red]✗[/red] {error}")
            return
        self._told.append(told)
        self._show(told)

    async def _crash(self, stage: Stage) -> Process | None:
        successor: list[Process] = []

        async def story() -> Told:
            told, process = await the_worker_dies(stage)
            successor.append(process)
            return told

        self._console.print(
            "\nNow a worker is killed in the middle of a credit; the next one takes over (about 40 s) ..."
        )
        await self._tell(story())
        return successor[0] if successor else None

    def _show(self, told: Told) -> None:
        """The timeline in the policy's own time: what took seconds here would have taken these hours."""
        began = told.story.timeline[0].at
        table = Table(title=f"{told.title}\n{told.story.case_id}", title_justify="left", show_header=False, box=None)
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for line in told.story.timeline:
            table.add_row(_in_policy_time((line.at - began) * self._speed), line.text)
        self._console.print()
        self._console.print(table)
        for fact in told.checked:
            self._console.print(f"  [green]✓[/green] {fact}")

    def _sum_up(self) -> None:
        table = Table(title=f"\n{len(self._told)} of {len(STORIES) + 1} stories ended as told", title_justify="left")
        for column in ("case", "tenant", "ending", "disputed", "credited"):
            table.add_column(column, justify="right" if column in {"disputed", "credited"} else "left")
        for told in self._told:
            story = told.story
            table.add_row(
                story.case_id, story.tenant_id, told.ending.value, str(story.disputed), str(story.credited or "–")
            )
        self._console.print(table)
        for reason in self._failed:
            self._console.print(f"[red]✗ {reason}[/red]")

    async def _stay(self) -> None:
        self._console.print("\nEverything stays up. Ctrl-C ends it.")
        addresses = json.loads((self._sandbox.data / RECORD).read_text())["addresses"]
        for name, address in addresses.items():
            self._console.print(f"  {name:<18} {address}")
        await asyncio.Event().wait()


def _in_policy_time(elapsed: timedelta) -> str:
    hours = elapsed / timedelta(hours=1)
    return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"
