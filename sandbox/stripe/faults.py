"""Faults on request: which calls go wrong, and how."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any


class FaultKind(StrEnum):
    """The ways in which a call can go wrong, named for what the caller sees and what became of its effect."""

    ERROR_BEFORE_COMMIT = "error_before_commit"
    """500, nothing was done."""
    ERROR_AFTER_COMMIT = "error_after_commit"
    """500, everything was done; the 500 is what the idempotency key remembers."""
    LOST_ANSWER = "lost_answer"
    """Everything was done, and the connection breaks instead of an answer."""
    TRUNCATED_ANSWER = "truncated_answer"
    """Everything was done; the connection breaks half way through a 200."""
    GARBLED_ANSWER = "garbled_answer"
    """Everything was done; a 200 arrives whole, but is no JSON."""
    TIMEOUT = "timeout"
    """The answer comes `seconds` late, and nobody waits that long."""
    PAUSE = "pause"
    """The answer is held until it is released through the control API."""
    CONFLICT = "conflict"
    """409, as if another request with the key were under way."""
    RATE_LIMIT = "rate_limit"
    """429."""
    DECLINE = "decline"
    """402 with `decline_code`; a charge made on the way fails and stays on record."""
    PROCESSING = "processing"
    """A charge made on the way waits for its bank, which answers `seconds` later: yes, or unless `committed` a no with
    `decline_code`."""


@dataclass(frozen=True)
class Fault:
    """One scripted fault. `path` may have `*` for one step, as in `/v1/invoices/*/pay`."""

    kind: FaultKind
    method: str = "POST"
    path: str = "/v1/*"
    attempts: tuple[int, ...] = ()
    """Which of the matching calls, counted from 1 since the fault was added; none named means every one."""
    seconds: float = 30.0
    decline_code: str = "generic_decline"
    committed: bool = True
    """For `timeout` and `pause`: whether the call does its work before it hangs, or after."""
    stored: bool | None = None
    """For `error_before_commit`: whether the 500 is kept under the idempotency key; by default it is not."""
    id: str = ""

    def __post_init__(self) -> None:
        """Refuse a script that could never strike; raises `ValueError`."""
        if not str(self.path).startswith("/"):
            raise ValueError(f"the path of a fault begins with /, unlike {self.path!r}")
        if any(attempt < 1 for attempt in self.attempts):
            raise ValueError(f"attempts of a fault are counted from 1, unlike {list(self.attempts)}")

    def matches(self, method: str, path: str) -> bool:
        """Whether the call is one of those counted."""
        if method != self.method:
            return False
        return re.fullmatch(re.escape(self.path).replace(r"\*", "[^/]+"), path) is not None

    def as_json(self) -> dict[str, Any]:
        """The fault as the control API shows it."""
        return asdict(self)


class FaultScript:
    """The faults still to happen, and how many calls each has seen."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._seen: dict[str, int] = {}
        self._numbers = count(1)

    def add(self, fault: Fault) -> Fault:
        """Script a fault; it comes back with its id."""
        numbered = Fault(**{**asdict(fault), "id": f"fault_{next(self._numbers)}"})
        self._faults[numbered.id] = numbered
        self._seen[numbered.id] = 0
        return numbered

    def clear(self) -> None:
        """From now on nothing goes wrong on purpose."""
        self._faults.clear()
        self._seen.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Every fault with the number of calls it has counted."""
        return [{**fault.as_json(), "seen": self._seen[fault.id]} for fault in self._faults.values()]

    def strike(self, method: str, path: str) -> Fault | None:
        """Count a call and say which fault befalls it; the one scripted first wins."""
        struck = None
        for fault in self._faults.values():
            if fault.matches(method, path):
                self._seen[fault.id] += 1
                due = not fault.attempts or self._seen[fault.id] in fault.attempts
                struck = struck or (fault if due else None)
        return struck


@dataclass
class HeldCalls:
    """Calls whose answers are held by a `pause`."""

    _gates: dict[str, tuple[dict[str, Any], asyncio.Event]] = field(default_factory=dict)

    async def hold(self, request_id: str, about: dict[str, Any]) -> None:
        """Wait until the call is released."""
        gate = asyncio.Event()
        self._gates[request_id] = ({"request_id": request_id, **about}, gate)
        try:
            await gate.wait()
        finally:
            self._gates.pop(request_id, None)

    def listed(self) -> list[dict[str, Any]]:
        """What is being held now."""
        return [about for about, _ in self._gates.values()]

    def release(self, request_id: str | None = None) -> int:
        """Let one call, or all, go on; returns how many there were."""
        chosen = [gate for held, (_, gate) in self._gates.items() if request_id in (None, held)]
        for gate in chosen:
            gate.set()
        return len(chosen)
