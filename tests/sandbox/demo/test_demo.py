"""The demo as a stranger plays it: one command, every story told to its ending, and nothing left running afterwards."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from sandbox.parts import ROOT
from sandbox.ports import is_free
from sandbox.processes import Identity
from sandbox.run_record import RECORD

COMMAND = Path(sys.executable).with_name("runbooks")
# Some five times what it takes on two quiet cores.
PATIENCE_SECONDS = 600
LOOK_EVERY_SECONDS = 0.2
# Postgres, Temporal, Stripe, the mailbox, two workers and the API, each at least one process.
FEWEST_PROCESSES = 7


def titles() -> Iterator[str]:
    """The title of every story that the demo's code tells: the first thing said of each `Told`."""
    for file in sorted((ROOT / "sandbox" / "demo").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Told":
                yield ast.literal_eval(node.args[0])


def played(data: Path, output: Path) -> tuple[int, set[Identity]]:
    """Play it all; the exit code, and every process that was seen below the command while it ran."""
    seen: set[Identity] = set()
    with (
        output.open("w") as kept,
        subprocess.Popen(
            [COMMAND, "demo", "--data", str(data)], cwd=ROOT, stdout=kept, stderr=subprocess.STDOUT
        ) as demo,
    ):
        try:
            while demo.poll() is None:
                seen.update(below(demo.pid))
                time.sleep(LOOK_EVERY_SECONDS)
        finally:
            demo.kill()
    return demo.returncode, seen


def below(pid: int) -> Iterator[Identity]:
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                yield Identity.of(child.pid)


def case_of(title: str, said: str) -> str:
    """The case that a story is about: it stands below the title."""
    found = re.search(rf"^{re.escape(title)}\n([^\s,]+), ", said, re.MULTILINE)
    return found[1] if found else f"no case of {title!r}"


@pytest.mark.demo
@pytest.mark.timeout(PATIENCE_SECONDS)
def test_every_story_ends_as_told_and_nothing_is_left_running(postgres_home: Path) -> None:
    data, stories = postgres_home / "demo", list(titles())

    code, started = played(data, postgres_home / "said.txt")

    said = (postgres_home / "said.txt").read_text()
    ports = json.loads((data / "ports.json").read_text())
    told, _, summed_up = said.partition(f"\n{len(stories)} of {len(stories)} stories ended as told\n")
    assert (code, bool(summed_up)) == (0, True), said
    assert not [title for title in stories if f"  ✓ {case_of(title, told)} " not in summed_up]
    assert len(started) >= FEWEST_PROCESSES
    assert not [process for process in started if process.process()]
    assert not [name for name, port in ports.items() if not is_free(port)]
    assert not (data / RECORD).exists()
