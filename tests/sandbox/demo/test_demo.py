"""The demo as a stranger plays it: one command, every story told to its ending, and nothing left running afterwards."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import pytest

from sandbox.parts import ROOT
from sandbox.ports import is_free
from sandbox.run_record import RECORD
from tests.sandbox.demo.conftest import Played

# Some four times what it takes on two quiet cores.
PATIENCE_SECONDS = 800
# Postgres, Temporal, Stripe, the mailbox, two workers and the API, each at least one process.
FEWEST_PROCESSES = 7


def titles() -> Iterator[str]:
    """The title of every story that the demo's code tells: the first thing said of each `Told`."""
    for file in sorted((ROOT / "sandbox" / "demo").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Told":
                yield ast.literal_eval(node.args[0])


def case_of(title: str, said: str) -> str:
    """The case that a story is about: it stands below the title."""
    found = re.search(rf"^{re.escape(title)}\n([^\s,]+), ", said, re.MULTILINE)
    return found[1] if found else f"no case of {title!r}"


@pytest.mark.demo
@pytest.mark.timeout(PATIENCE_SECONDS)
def test_every_story_ends_as_told_and_nothing_is_left_running(played: Played) -> None:
    stories = list(titles())

    ports = json.loads((played.data / "ports.json").read_text())
    told, _, summed_up = played.said.partition(f"\n{len(stories)} of {len(stories)} stories ended as told\n")

    assert (played.code, bool(summed_up)) == (0, True), played.said
    assert not [title for title in stories if f"  ✓ {case_of(title, told)} " not in summed_up]
    assert len(played.started) >= FEWEST_PROCESSES
    assert not [process for process in played.started if process.process()]
    assert not [name for name, port in ports.items() if not is_free(port)]
    assert not (played.data / RECORD).exists()
