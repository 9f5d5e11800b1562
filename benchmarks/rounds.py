"""Measuring fairly on a machine that others use too: contenders take turns, and each is held against its baseline."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import psutil

Contender = Callable[[], None]


@dataclass(frozen=True)
class Timing:
    """Seconds on the wall, and seconds of processor that we, our server and everything they started took."""

    wall: float
    cpu: float

    @classmethod
    def of(cls, contender: Contender) -> Timing:
        """Time one turn; garbage of earlier turns is collected before."""
        gc.collect()
        wall, cpu = time.perf_counter(), _cpu_seconds()
        contender()
        return cls(time.perf_counter() - wall, _cpu_seconds() - cpu)


@dataclass
class Duel:
    """One way against its baseline, both timed in every round; `goal` is the ratio it should not exceed."""

    name: str
    against: str
    goal: float
    baseline: Contender
    ours: Contender
    timings: list[tuple[Timing, Timing]] = field(default_factory=list)

    def warm_up(self) -> None:
        """Both once, unmeasured."""
        self.baseline()
        self.ours()

    def play(self) -> None:
        """One measured turn of both, the baseline first."""
        self.timings.append((Timing.of(self.baseline), Timing.of(self.ours)))

    @property
    def wall_ratio(self) -> float:
        """The median of the rounds' ratios: what disturbed the machine for a whole round disturbed both."""
        return statistics.median(ours.wall / bare.wall for bare, ours in self.timings)

    @property
    def cpu_ratio(self) -> float:
        """The same for processor time, which hardly depends on who else uses the machine."""
        return statistics.median(ours.cpu / bare.cpu for bare, ours in self.timings)

    def row(self) -> list[str]:
        """A row under `HEADS`, times in seconds."""
        bare, ours = (min(timing.wall for timing in timings) for timings in zip(*self.timings, strict=True))
        return [
            self.name,
            self.against,
            f"{bare:.2f} s",
            f"{ours:.2f} s",
            f"{self.wall_ratio:.2f}×",
            f"{self.cpu_ratio:.2f}×",
            f"≤ {self.goal:g}×",
        ]


HEADS = ["ours", "against", "bare, best", "ours, best", "ratio, median", "ratio of CPU, median", "goal"]


def play(duels: Sequence[Duel], rounds: int) -> None:
    """Let the duels take turns."""
    for number in range(rounds):
        for duel in duels:
            duel.play()
        told = ", ".join(f"{duel.name} {duel.wall_ratio:.2f}× (CPU {duel.cpu_ratio:.2f}×)" for duel in duels)
        print(f"round {number + 1} of {rounds}: {told}", flush=True)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """What the figures were measured on and how busy it was, without a name or an address."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, load {load:.1f}, "
        f"Python {platform.python_version()}"
    )


def _cpu_seconds() -> float:
    """Of every process below this one, those that have ended included."""
    this = psutil.Process()
    return sum(_cpu_of(process) for process in [this, *this.children(recursive=True)])


def _cpu_of(process: psutil.Process) -> float:
    """One that ends while it is asked has been counted by its parent."""
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0
