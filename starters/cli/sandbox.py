"""`runbooks up` and `runbooks demo`: everything on this machine, for as long as you look at it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from starters.cli.options import session_of
from workflows.blocks import attributes

Data = Annotated[Path | None, typer.Option("--data", help="Where everything is kept; it survives a restart.")]
Afresh = Annotated[
    Path | None, typer.Option("--data", help="Where everything is kept. A sandbox that is there is removed first.")
]
Speed = Annotated[int, typer.Option("--speed", min=1, help="Divide every duration of the policy by this.")]
RecoverySpeed = Annotated[
    int | None,
    typer.Option("--recovery-speed", min=1, help="Divide those of payment recovery by this instead: it takes weeks."),
]


def up(context: typer.Context, data: Data = None, speed: Speed = 1, recovery_speed: RecoverySpeed = None) -> None:
    """Start the whole stack on this machine and leave it up.

    Postgres, Temporal with its Web UI, a Stripe simulator, a mailbox, a worker and the HTTP API, with sample data. It
    prints the addresses and stays up until Ctrl-C, which ends everything it started and nothing else.

    \b
    runbooks up
    runbooks up --speed 7200          a day passes in 12 seconds
    runbooks up --recovery-speed 28800    a recovery of 21 days takes about a minute, everything else its time
    runbooks up --data elsewhere      a second sandbox beside the first
    """
    from sandbox.parts import SandboxOptions  # noqa: PLC0415 - production installs have no sandbox
    from sandbox.progress import Board  # noqa: PLC0415
    from sandbox.up import run_sandbox  # noqa: PLC0415

    options = SandboxOptions(speed=speed, recovery_speed=recovery_speed, search_attributes=attributes.ALL)
    chosen = data or session_of(context).settings.data
    raise typer.Exit(asyncio.run(run_sandbox(chosen, options, Board(Console()))))


def demo(
    context: typer.Context,
    data: Afresh = None,
    speed: Speed = 1_800,
    stay: Annotated[bool, typer.Option("--stay", help="Leave everything up afterwards.")] = False,
) -> None:
    """Play every story on a stack of its own, then end.

    It begins afresh each time, without what an earlier demo left, and shows how each story ended; exit 0 when all went as
    told.

    \b
    runbooks demo
    runbooks demo --stay
    """
    from sandbox.demo import play  # noqa: PLC0415 - production installs have no sandbox

    chosen = data or session_of(context).settings.data / "demo"
    raise typer.Exit(asyncio.run(play(chosen, speed=speed, stay=stay)))
