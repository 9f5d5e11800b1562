"""Programs as the sandbox runs them: out of Ctrl-C's reach, never outliving us, and stopped with all they started."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import Process
from collections import deque
from contextlib import suppress
from pathlib import Path

from sandbox.part import Command, SandboxError, Say
from sandbox.processes import die_with_parent, signal_group

STEP_STOP_SECONDS = 10.0
TOLD_LINES = 15


async def spawn(command: Command, log: Path | None, *, dies_on: signal.Signals = signal.SIGTERM) -> Process:
    """Start a program in a session of its own, which ends when we do; without a log its output comes as a stream."""
    output = log.open("wb") if log else None
    try:
        return await asyncio.create_subprocess_exec(
            *command.words,
            cwd=command.directory,
            env=dict(command.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output or asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(dies_on),
            **command.run_as,
        )
    finally:
        if output:
            output.close()


async def stop(process: Process, number: signal.Signals, within_seconds: float) -> None:
    """Ask the program to stop, wait, and end what is left of its group, itself included if it did not manage."""
    if process.returncode is not None:
        return
    process.send_signal(number)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), within_seconds)
    signal_group(process.pid, signal.SIGKILL)
    await process.wait()


async def run_to_end(command: Command, log: Path, say: Say) -> None:
    """Do a step by a program: its lines go to the log and each is told; raises SandboxError when it fails."""
    process = await spawn(command, None)
    lines = process.stdout
    if lines is None:
        raise SandboxError("the program's output was not connected")
    last: deque[str] = deque(maxlen=TOLD_LINES)
    try:
        with log.open("w") as kept:
            async for line in lines:
                last.append(line.decode(errors="replace").rstrip())
                kept.write(last[-1] + "\n")
                say(last[-1])
        code = await process.wait()
    finally:
        await stop(process, signal.SIGTERM, STEP_STOP_SECONDS)
    if code != 0:
        raise SandboxError("\n".join([f"It ended with exit {code}. The end of {log}:", *last]))
