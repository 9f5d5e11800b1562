"""Plays the stories on a fresh sandbox, tells how each one ended, and sums up."""

import asyncio
import json
import shlex
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from textwrap import wrap

import httpx
from rich.console import Console
from rich.text import Text

from sandbox.demo.corrected import a_corrected_invoice
from sandbox.demo.crash import the_worker_dies
from sandbox.demo.month_end import a_month_end
from sandbox.demo.reconciled import an_invoice_twice_at_stripe
from sandbox.demo.recovery import DAY_TAKES, RECOVERIES, RECOVERY_SPEED
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

# What is played at once. The recoveries come after it, at a pace that a busy machine would not keep; then the crash, alone.
TOGETHER = (*STORIES, a_month_end, a_corrected_invoice, an_invoice_twice_at_stripe)
# Wider lines are harder to read, however wide the window is.
WIDEST = 100
# Longer than that is told in days.
_HOURS_TOLD = 72


async def play(data: Path, *, speed: int, stay: bool) -> int:
    """Start a sandbox on a fresh `data` directory and play; 0 when every story went as told, else 1.

    With `stay` everything is left up until Ctrl-C.
    """
    console = Console()
    board = Board(console)
    _start_afresh(data)
    options = SandboxOptions(speed=speed, recovery_speed=RECOVERY_SPEED, search_attributes=attributes.ALL)

    async def programme(sandbox: Sandbox) -> int:
        return await _Programme(board, sandbox, speed).run(stay=stay)

    return await run_sandbox(data, options, board, programme)


def _start_afresh(data: Path) -> None:
    """Stories are played once: yesterday's credits would answer today's tickets."""
    remove(data)


class _Programme:
    def __init__(self, board: Board, sandbox: Sandbox, speed: int) -> None:
        self._board = board
        self._console = board.console
        self._sandbox = sandbox
        self._speed = speed
        self._told: list[Told] = []
        self._failed: list[str] = []

    async def run(self, *, stay: bool) -> int:
        stage = Stage.on(self._sandbox)
        successor: Process | None = None
        try:
            self._say(
                f"{len(STORIES)} tickets arrive, signed, at the webhook, the month end of October begins, finance corrects "
                "an invoice that nobody contested, and Stripe holds one twice. Each case is told when it has ended, with "
                f"the hours that it would take under the policy: this stack runs {self._speed:,} times faster."
            )
            await asyncio.gather(*(self._tell(story(stage)) for story in TOGETHER))
            await self._recover(stage)
            successor = await self._crash(stage)
            self._sum_up()
            if stay:
                await self._stay()
            self._say("`make demo STAY=1` leaves all of it up, to look around.")
        finally:
            await stage.http.aclose()
            if successor:
                await stop(successor, signal.SIGTERM, 25)
        return 1 if self._failed else 0

    async def _tell(self, story: Awaitable[Told]) -> None:
        try:
            told = await story
        except (StoryError, httpx.HTTPError) as error:
            self._failed.append(str(error) or type(error).__name__)
            self._print(Text.assemble(("✗ ", "red"), self._failed[-1]))
            return
        self._told.append(told)
        self._show(told)

    async def _recover(self, stage: Stage) -> None:
        self._say(
            f"The cards of {len(RECOVERIES)} customers are declined. Recovering what they owe takes weeks, so that part of "
            f"the policy is {RECOVERY_SPEED:,} times faster here: a day takes {DAY_TAKES.total_seconds():.0f} seconds, "
            "and three weeks about a minute. Days count from the declined charge."
        )
        await asyncio.gather(*(self._tell(story(stage)) for story in RECOVERIES))

    async def _crash(self, stage: Stage) -> Process | None:
        successor: list[Process] = []

        async def story() -> Told:
            told, process = await the_worker_dies(stage)
            successor.append(process)
            return told

        self._say(
            "One more ticket. Its worker is killed with SIGKILL after Stripe has committed the credit and before the "
            "answer is read; another one starts and takes over when the dead one's time is up, in about 40 seconds."
        )
        self._board.foretell("worker")
        await self._tell(story())
        return successor[0] if successor else None

    def _show(self, told: Told) -> None:
        """The timeline in the policy's own time: what took seconds here would have taken these hours."""
        story = told.story
        self._print()
        self._print(Text(told.title, style="bold"))
        self._print(Text(f"{story.case_id}, {told.about}", style="dim"))
        began = told.since or story.timeline[0].at
        speed = told.speed or self._speed
        stamps = [_in_policy_time((line.at - began) * speed) for line in story.timeline]
        margin = max(map(len, stamps))
        for stamp, line in zip(stamps, story.timeline, strict=True):
            first, *more = wrap(line.text, self._width - margin - 4)
            self._print(Text.assemble((f"  {stamp:>{margin}}  ", "dim"), first))
            for words in more:
                self._print(Text(f"{'':{margin + 4}}{words}"))
        for fact in told.checked:
            self._print(Text.assemble(("  ✓ ", "green"), fact))

    def _sum_up(self) -> None:
        self._print()
        self._print(
            Text(f"{len(self._told)} of {len(TOGETHER) + len(RECOVERIES) + 1} stories ended as told", style="bold")
        )
        wide = max((len(told.story.case_id) for told in self._told), default=0)
        heads = f"    {'case':<{wide}} {'about':<13} {'ended':<18} {'disputed':>12} {'credited':>12}"
        self._print(Text(heads, style="dim"))
        for told in sorted(self._told, key=lambda told: told.story.case_id):
            disputed, credited = told.money
            self._print(
                Text.assemble(
                    ("  ✓ ", "green"),
                    f"{told.story.case_id:<{wide}} {told.about:<13} {told.ending.value:<18}",
                    f" {disputed:>12} {credited:>12}",
                )
            )
        for reason in self._failed:
            self._print(Text(f"  ✗ {reason}", style="red"))

    async def _stay(self) -> None:
        self._say("Everything stays up until Ctrl-C. In another terminal:")
        runbooks = f"  {_typed(Path(sys.argv[0]))} --data {_typed(self._sandbox.data)}"
        self._print(f"{runbooks} case list --all")
        self._print(f"{runbooks} delinquency list --all")
        self._board.addresses(json.loads((self._sandbox.data / RECORD).read_text())["addresses"])
        await asyncio.Event().wait()

    @property
    def _width(self) -> int:
        return min(self._console.width, WIDEST)

    def _say(self, words: str) -> None:
        """A paragraph of its own."""
        self._print()
        for line in wrap(words, self._width, break_on_hyphens=False):
            self._print(Text(line))

    def _print(self, line: Text | str = "") -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _typed(path: Path) -> str:
    """A path as a person who is here would type it."""
    whole, here = path.absolute(), Path.cwd()
    return shlex.quote(str(whole.relative_to(here) if whole.is_relative_to(here) else whole))


def _in_policy_time(elapsed: timedelta) -> str:
    hours = elapsed / timedelta(hours=1)
    if hours >= _HOURS_TOLD:
        return f"{hours / 24:.1f} d"
    return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"
