"""Who runs a sandbox on a data directory: one at a time, with a record of what it started, readable by others."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from sandbox.part import Part, SandboxError
from sandbox.processes import Identity, signal_group

RECORD = "sandbox.json"
LOCK = "lock"
LEFTOVER_STOP_SECONDS = 10.0
LEFTOVER_POLL_SECONDS = 0.05


class RunRecord:
    """`sandbox.json`: this run's process, the processes it started, their addresses, and settings once all is ready.

    Mode 0600, since the settings hold passwords. Gone when no sandbox runs.
    """

    def __init__(self, data: Path) -> None:
        self._file = data / RECORD
        us = Identity.of(os.getpid())
        self._content: dict[str, Any] = {
            "pid": us.pid,
            "started": us.started,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "addresses": {},
            "processes": {},
        }
        self._write()

    def started(self, part: Part, process: Identity, log: Path) -> None:
        """Note a process before anything else happens to it, so that a later run knows it for ours."""
        self._content["processes"][part.name] = {
            "pid": process.pid,
            "started": process.started,
            "stops_on": part.stops_on.name,
            "log": str(log),
        }
        self._content["addresses"].update(part.addresses)
        self._write()

    def ended(self, name: str) -> None:
        """Forget a process that is no more."""
        self._content["processes"].pop(name, None)
        self._write()

    def ready(self, settings: Mapping[str, str]) -> None:
        """Everything stands: let other programs find it by these settings, named as environment variables."""
        self._content["settings"] = dict(settings)
        self._write()

    def remove(self) -> None:
        """Nothing runs any more."""
        self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        unfinished = self._file.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(self._content, indent=2) + "\n")
        unfinished.replace(self._file)


@contextmanager
def only_run(data: Path) -> Iterator[RunRecord]:
    """Hold the data directory for this run, clear what a dead run left, and yield a fresh record.

    Raises SandboxError when another run holds it. The lock is the kernel's and ends with its holder, however that
    ends, so there is no stale one.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o711)  # as root, Postgres passes through as somebody else
    with (data / LOCK).open("a") as lock:
        _acquire(lock, data)
        end_leftovers(data)
        record = RunRecord(data)
        try:
            yield record
        finally:
            record.remove()


def recorded(data: Path) -> dict[str, Any]:
    """What the last run wrote; empty when there is none, or it is torn."""
    try:
        content = json.loads((data / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def end_leftovers(data: Path) -> None:
    """End the processes of an earlier run that outlived it: only those whose pid *and* start time are the recorded."""
    left = [(one, process) for one in recorded(data).get("processes", {}).values() if (process := _recorded(one))]
    for one, process in left:
        signal_group(process.pid, signal.Signals[one["stops_on"]])
    deadline = time.monotonic() + LEFTOVER_STOP_SECONDS
    while any(process.process() for _, process in left) and time.monotonic() < deadline:
        time.sleep(LEFTOVER_POLL_SECONDS)
    for _, process in left:
        if process.process():
            signal_group(process.pid, signal.SIGKILL)


def _recorded(one: dict[str, Any]) -> Identity | None:
    identity = Identity(int(one["pid"]), float(one["started"]))
    return identity if identity.process() else None


def _acquire(lock: IO[str], data: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        run = recorded(data)
        who = f"pid {run['pid']}, since {run['started_at']}" if "pid" in run else "just starting"
        raise SandboxError(
            f"A sandbox already runs on {data} ({who}). Use it, stop it with Ctrl-C where it was started, "
            "or start another one with a different --data."
        ) from None
