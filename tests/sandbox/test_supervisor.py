"""The sandbox starts what is declared, tells what happens to it, and stops that and nothing else."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from sandbox.part import Command, Declared, Part, SandboxError, Say, Step
from sandbox.programs import run_to_end
from sandbox.progress import Board
from sandbox.run_record import end_leftovers, only_run, recorded
from sandbox.supervisor import supervise

# Says when it is ready by making a file, and when it is told to stop by a line in a common one.
SERVER = """
import pathlib, signal, sys, time
here, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def stop(*_):
    with (here / "stopped").open("a") as file: file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("serving", flush=True)
(here / f"{name}.ready").touch()
while True: time.sleep(60)
"""
ENVIRONMENT = {"PATH": os.defpath}


async def is_gone(pid: int) -> bool:
    """Whether a process that was killed is gone; the system may take a moment."""
    for _ in range(100):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path


def part(here: Path, name: str, *after: str, program: str = SERVER, essential: bool = True, within: float = 10) -> Part:
    async def ready() -> bool:
        return (here / f"{name}.ready").exists()

    return Part(
        name,
        command=lambda: Command([sys.executable, "-c", program, str(here), name], ENVIRONMENT),
        ready=ready,
        addresses={name: f"http://{name}.example"},
        after=after,
        essential=essential,
        ready_within_seconds=within,
    )


def step(name: str, *after: str, work: Callable[[Say], Awaitable[None]]) -> Step:
    return Step(name, work, after)


async def run(
    here: Path,
    declared: Sequence[Declared],
    then: Callable[[], Awaitable[int]],
    settings: dict[str, str] | None = None,
    foretold: str | None = None,
) -> tuple[int, str]:
    """The exit code and everything that was printed."""
    printed = io.StringIO()
    with only_run(here) as record:
        board = Board(Console(file=printed, width=200))
        if foretold:
            board.foretell(foretold)
        code = await supervise(declared, here / "logs", board, record, settings=settings, then=then)
    return code, printed.getvalue()


async def nothing() -> int:
    return 0


def alive(here: Path, name: str) -> psutil.Process:
    return psutil.Process(recorded(here)["processes"][name]["pid"])


async def test_parts_start_after_what_they_need_and_stop_in_reverse(here: Path) -> None:
    declared = [
        part(here, "worker", "temporal", "database"),
        part(here, "database"),
        part(here, "temporal", "database"),
    ]

    code, printed = await run(here, declared, nothing)

    assert code == 0
    assert (here / "stopped").read_text().split() == ["worker", "temporal", "database"]
    assert [line.split()[0] for line in printed.splitlines() if "ready" in line] == ["database", "temporal", "worker"]
    assert "http://worker.example" in printed


async def test_steps_are_done_once_and_say_how_far_they_are(here: Path) -> None:
    async def load(say: Say) -> None:
        say("12 of 30 tenants")

    code, printed = await run(here, [part(here, "database"), step("sample data", "database", work=load)], nothing)

    assert code == 0
    assert "sample data  starting: 12 of 30 tenants" in printed
    assert "sample data  ready" in printed


async def test_a_failed_step_stops_the_start_and_says_why(here: Path) -> None:
    async def migrate(say: Say) -> None:
        raise SandboxError("revision 0007 is unknown")

    declared: list[Declared] = [
        part(here, "database"),
        step("schema", "database", work=migrate),
        part(here, "worker", "schema"),
    ]

    code, printed = await run(here, declared, nothing)

    assert code == 1
    assert "revision 0007 is unknown" in printed
    assert (here / "stopped").read_text().split() == ["database"]


async def test_a_crash_ends_everything_with_the_end_of_the_log(here: Path) -> None:
    async def crash() -> int:
        alive(here, "worker").kill()
        await asyncio.sleep(30)
        return 0

    code, printed = await run(here, [part(here, "database"), part(here, "worker", "database")], crash)

    assert code == 1
    assert "worker ended by itself (SIGKILL)." in printed
    assert printed.index("worker.log:\nserving") > printed.index("ended by itself")
    assert (here / "stopped").read_text().split() == ["database"]


async def test_a_crash_of_what_is_not_essential_is_reported_and_done_without(here: Path) -> None:
    async def crash_and_go_on() -> int:
        alive(here, "mailbox").kill()
        while "mailbox" in recorded(here)["processes"]:  # noqa: ASYNC110 - the record is a file
            await asyncio.sleep(0.01)
        return 0 if alive(here, "worker").is_running() else 1

    declared = [part(here, "mailbox", essential=False), part(here, "worker")]

    code, printed = await run(here, declared, crash_and_go_on)

    assert code == 0
    assert "mailbox ended by itself (SIGKILL)." in printed
    assert "The sandbox goes on without mailbox." in printed


async def test_an_end_that_was_foretold_is_no_news(here: Path) -> None:
    async def kill_and_go_on() -> int:
        alive(here, "worker").kill()
        while "worker" in recorded(here)["processes"]:  # noqa: ASYNC110 - the record is a file
            await asyncio.sleep(0.01)
        return 0

    code, printed = await run(here, [part(here, "worker", essential=False)], kill_and_go_on, foretold="worker")

    assert code == 0
    assert "ended by itself" not in printed
    assert "serving" not in printed


@pytest.mark.parametrize(
    ("program", "within", "told"),
    [
        ("print('no such port'); raise SystemExit(3)", 10, "worker ended while starting (exit 3)."),
        (
            "print('no such port', flush=True); import time; time.sleep(60)",
            0.5,
            "worker did not get ready within 0.5 s.",
        ),
    ],
)
async def test_a_part_that_does_not_get_ready_is_reported_with_its_log(
    here: Path, program: str, within: float, told: str
) -> None:
    code, printed = await run(here, [part(here, "worker", program=program, within=within)], nothing)

    assert code == 1
    assert told in printed
    assert "no such port" in printed


async def test_a_program_that_is_missing_is_named(here: Path) -> None:
    missing = Part("worker", command=lambda: Command(["/no/such/program"], {}), ready=lambda: asyncio.sleep(0, True))

    code, printed = await run(here, [missing], nothing)

    assert code == 1
    assert "worker could not be started." in printed
    assert "/no/such/program" in printed


async def test_a_program_that_ignores_the_request_to_stop_is_ended_with_all_it_started(here: Path) -> None:
    stubborn = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(pathlib.Path(sys.argv[1]) / "child").write_text(str(child.pid))
(pathlib.Path(sys.argv[1]) / "worker.ready").touch()
time.sleep(60)
"""
    impatient = replace(part(here, "worker", program=stubborn), stops_within_seconds=0.2)

    await run(here, [impatient], nothing)

    left = int((here / "child").read_text())
    assert await is_gone(left)


async def test_a_run_is_recorded_for_its_user_only_and_the_record_goes_with_it(here: Path) -> None:
    seen: dict[str, object] = {}

    async def look() -> int:
        seen.update(recorded(here), mode=stat.S_IMODE((here / "sandbox.json").stat().st_mode))
        return 0

    await run(here, [part(here, "worker")], look, settings={"RUNBOOKS_SMTP_PORT": "1025"})

    assert seen["mode"] == 0o600
    assert seen["pid"] == os.getpid()
    assert seen["addresses"] == {"worker": "http://worker.example"}
    assert seen["settings"] == {"RUNBOOKS_SMTP_PORT": "1025"}
    assert not (here / "sandbox.json").exists()


async def test_a_second_sandbox_on_the_same_data_is_refused_by_name(here: Path) -> None:
    with only_run(here), pytest.raises(SandboxError, match=rf"already runs on {here} \(pid {os.getpid()}, since 20"):
        only_run(here).__enter__()


def test_what_a_dead_run_left_is_ended_only_if_it_is_provably_ours(here: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper, start_new_session=True) as ours, subprocess.Popen(sleeper) as somebody_elses:
        started = psutil.Process(ours.pid).create_time()
        process = {"stops_on": "SIGTERM", "log": ""}
        record = {
            "worker": {**process, "pid": ours.pid, "started": started},
            # The pid was handed out again since: same number, another start.
            "mailbox": {**process, "pid": somebody_elses.pid, "started": started - 3600},
        }
        (here / "sandbox.json").write_text(json.dumps({"processes": record}))

        end_leftovers(here)

        assert ours.wait(5) == -signal.SIGTERM
        assert somebody_elses.poll() is None
        somebody_elses.kill()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"processes": {}}', "null"])
def test_a_torn_record_of_a_dead_run_does_not_stop_the_next(here: Path, content: str) -> None:
    (here / "sandbox.json").write_text(content)

    with only_run(here):
        assert recorded(here)["pid"] == os.getpid()


async def test_a_muddled_declaration_is_refused_before_anything_starts(here: Path) -> None:
    circle = [part(here, "one", "two"), part(here, "two", "one")]

    with pytest.raises(ValueError, match=r"wait for each other or for something unknown: \['one', 'two'\]"):
        await run(here, circle, nothing)
    with pytest.raises(ValueError, match="names repeat"):
        await run(here, [part(here, "one"), part(here, "one")], nothing)


async def test_a_step_by_a_program_tells_its_lines_and_fails_with_the_last(here: Path) -> None:
    told: list[str] = []
    program = "print('1 of 2'); print('2 of 2'); raise SystemExit(4)"

    with pytest.raises(SandboxError, match=r"(?s)exit 4\. The end of .*schema\.log:\n1 of 2\n2 of 2"):
        await run_to_end(Command([sys.executable, "-c", program], ENVIRONMENT), here / "schema.log", told.append)

    assert told == ["1 of 2", "2 of 2"]
    assert (here / "schema.log").read_text() == "1 of 2\n2 of 2\n"
