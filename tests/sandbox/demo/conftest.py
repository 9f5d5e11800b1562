"""The demo, played once for all tests that judge it: what it said, what it ran, and what it left in its directory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sandbox.parts import ROOT
from sandbox.processes import Identity
from tests.fixtures.postgres import a_home

COMMAND = Path(sys.executable).with_name("runbooks")
LOOK_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Played:
    """A demo that is over: its directory, exit code and words, and every process that was seen below the command."""

    data: Path
    code: int
    said: str
    started: frozenset[Identity]


@pytest.fixture(scope="session")
def played() -> Iterator[Played]:
    """It takes minutes, and the machine for itself."""
    with a_home() as home:
        yield _play(home / "demo", home / "said.txt")


def _play(data: Path, output: Path) -> Played:
    seen: set[Identity] = set()
    with (
        output.open("w") as kept,
        subprocess.Popen(
            [COMMAND, "demo", "--data", str(data)], cwd=ROOT, stdout=kept, stderr=subprocess.STDOUT
        ) as demo,
    ):
        try:
            while demo.poll() is None:
                seen.update(_below(demo.pid))
                time.sleep(LOOK_EVERY_SECONDS)
        finally:
            demo.kill()
    return Played(data, demo.returncode, output.read_text(), frozenset(seen))


def _below(pid: int) -> Iterator[Identity]:
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                yield Identity.of(child.pid)
