"""The two things a sandbox is made of: parts that keep running, and steps that are done once before others go on."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.postgres_binaries import RunAs

Say = Callable[[str], None]
"""Tells the person who waits how far something is, in a few words."""

Work = Callable[[Say], Awaitable[None]]
"""Something to do once."""


@dataclass(frozen=True)
class Command:
    """A program to run: its words, its whole environment, where, and as whom."""

    words: list[str]
    environment: Mapping[str, str]
    directory: Path = Path("/")
    run_as: RunAs = field(default_factory=RunAs)


@dataclass(frozen=True)
class Part:
    """A program that runs until the sandbox stops.

    `command` and `addresses` are asked for only when everything in `after` is ready, so that they may depend on what
    was made until then. The end of an `essential` part ends the sandbox; any other is reported and done without.
    """

    name: str
    command: Callable[[], Command]
    ready: Callable[[], Awaitable[bool]]
    prepare: Callable[[], None] = lambda: None
    """Work that blocks, done in a thread before the program starts, such as making its files."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """What a person may want to open or connect to, by a word for it; shown on the screen, so no secrets."""
    after: tuple[str, ...] = ()
    essential: bool = True
    stops_on: signal.Signals = signal.SIGTERM
    stops_within_seconds: float = 10.0
    """A part that needs longer is killed, with everything it started."""
    ready_within_seconds: float = 90.0
    """A part that ends while it starts is noticed at once, so this is patience with a busy machine."""


@dataclass(frozen=True)
class Step:
    """Something done once, such as a migration: it fails the start by raising, and says how far it is."""

    name: str
    work: Work
    after: tuple[str, ...] = ()


Declared = Part | Step


class SandboxError(Exception):
    """The sandbox cannot go on; the message is for the person who started it."""


def refuse_muddle(declared: Sequence[Declared]) -> None:
    """Raise ValueError when names repeat, or something waits for what does not exist or for itself."""
    names = [one.name for one in declared]
    if len(set(names)) < len(names):
        raise ValueError(f"names repeat among the sandbox's parts: {names}")
    standing: set[str] = set()
    while waiting := [one for one in declared if one.name not in standing]:
        able = {one.name for one in waiting if standing.issuperset(one.after)}
        if not able:
            raise ValueError(f"these parts wait for each other or for something unknown: {[w.name for w in waiting]}")
        standing |= able
