"""Homes of test servers are cleared away once nobody is left who would, and never before."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.fixtures.postgres import MAKER, PREFIX, UNNAMED_SECONDS_MAX, left_behind

Homes = Callable[[str], Path]


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    """`homes(maker)` is a new home; what its file says about the maker, or nothing for no file."""

    def a_home(maker: str) -> Path:
        home = tmp_path / f"{PREFIX}{len(list(tmp_path.iterdir()))}"
        (home / "cluster").mkdir(parents=True)
        if maker:
            (home / MAKER).write_text(maker)
        return home

    return a_home


@pytest.fixture
def somebody() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives as long as the test."""
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        yield process
        process.kill()


def named(pid: int) -> str:
    return f"{pid} {psutil.Process(pid).create_time()!r}"


def test_a_home_whose_maker_was_killed_is_cleared_away(homes: Homes, somebody: subprocess.Popen[bytes]) -> None:
    home, ours = homes(named(somebody.pid)), homes(named(os.getpid()))
    assert left_behind(home.parent, time.time()) == []

    somebody.kill()
    somebody.wait()

    assert left_behind(home.parent, time.time()) == [home]
    assert ours.exists()


def test_a_pid_that_is_another_process_by_now_keeps_nothing(homes: Homes) -> None:
    home = homes(f"{os.getpid()} 1.0")

    assert left_behind(home.parent, time.time()) == [home]


def test_a_home_in_which_a_server_still_works_stays(homes: Homes) -> None:
    home = homes(f"{os.getpid()} 1.0")

    with subprocess.Popen(["/bin/sleep", "60"], cwd=home / "cluster") as server:
        assert left_behind(home.parent, time.time()) == []
        server.kill()


def test_a_home_that_names_nobody_is_left_alone_for_an_hour(homes: Homes) -> None:
    home = homes("")
    made = home.stat().st_mtime

    assert left_behind(home.parent, made + UNNAMED_SECONDS_MAX - 1) == []
    assert left_behind(home.parent, made + UNNAMED_SECONDS_MAX + 1) == [home]
