"""Child processes that are provably ours: who they are, that they end with us, and how they are signalled."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

# Boot-time arithmetic makes two readings of one start time differ by some hundredths of a second.
START_TIME_TOLERANCE_SECONDS = 1.0


@dataclass(frozen=True)
class Identity:
    """One process for all time: a pid alone is handed out again, a pid with its start time is not."""

    pid: int
    started: float
    """Seconds since the epoch."""

    @classmethod
    def of(cls, pid: int) -> Identity:
        """The identity of a process that runs now; raises `psutil.NoSuchProcess` when there is none."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The very process, or None when it has ended, even if its pid belongs to another one by now."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) > START_TIME_TOLERANCE_SECONDS:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that has the kernel send `with_signal` to the child when its parent dies, however it dies.

    The kernel watches the *thread* that forked, so children must be started from a thread that lives as long as they
    do: the main one. Elsewhere than on Linux there is no such promise and the next start clears what was left.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up before the fork: the child must not load anything
    parent = os.getpid()
    set_parent_death_signal = 1

    def ask_the_kernel() -> None:
        prctl(set_parent_death_signal, int(with_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return ask_the_kernel


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal the process group that `leader` leads; silent when it has ended already."""
    with suppress(ProcessLookupError):
        os.killpg(leader, number)
