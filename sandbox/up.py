"""`runbooks up`: the whole sandbox on one data directory, from the lock to the last part that stops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from sandbox.part import SandboxError
from sandbox.parts import Sandbox, SandboxOptions, sandbox_parts
from sandbox.progress import Board
from sandbox.run_record import only_run
from sandbox.supervisor import supervise


async def run_sandbox(
    data: Path, options: SandboxOptions, board: Board, then: Callable[[Sandbox], Awaitable[int]] | None = None
) -> int:
    """Run the sandbox until it is stopped, or until `then` has run on it; the exit code to end with.

    Without `then` it stays up and an orderly stop is 0. A data directory in use is refused with 1.
    """
    with ExitStack() as held:
        try:
            record = held.enter_context(only_run(data))
        except SandboxError as refusal:
            board.report("The sandbox was not started.", str(refusal))
            return 1
        sandbox = Sandbox(data, options)
        return await supervise(
            sandbox_parts(sandbox),
            sandbox.data / "logs",
            board,
            record,
            settings=sandbox.settings,
            then=(lambda: then(sandbox)) if then else None,
        )
