"""Scripted failures of mail delivery: which recipients, which tries, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """The ways a delivery goes wrong, by the moment at which it does."""

    UNAVAILABLE = "unavailable"
    """421 in answer to the recipient, and the connection is closed: try again later."""
    DEFERRED = "deferred"
    """451 in answer to the recipient: try again later."""
    REFUSED = "refused"
    """550 in answer to the recipient: no such mailbox, for good."""
    DROPPED_BEFORE_DATA = "dropped_before_data"
    """The connection ends before the mail is sent: certainly not delivered."""
    DROPPED_AFTER_DATA = "dropped_after_data"
    """The mail is delivered and the connection ends without an answer: the sender cannot know."""
    STALLED = "stalled"
    """The mail is delivered and the answer comes `seconds` later: a sender that gives up cannot know."""


class Fault(BaseModel):
    """One scripted failure: deliveries to a matching recipient, counted from 1 since the fault was added, fail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    to: str = Field(default="*", description="Shell-style pattern over recipient addresses, case-insensitive")
    attempts: frozenset[int] = Field(default=frozenset({1}), description="Which deliveries fail; empty: every one")
    seconds: float = Field(default=30.0, gt=0, le=3600, description="How long a stalled answer takes")


@dataclass
class _Scripted:
    fault: Fault
    tries: count[int] = field(default_factory=lambda: count(1))


class Script:
    """The faults in force. Every try for a matching recipient counts for each fault; the first due one happens."""

    def __init__(self) -> None:
        self._scripted: list[_Scripted] = []

    @property
    def faults(self) -> list[Fault]:
        """In the order they were added."""
        return [scripted.fault for scripted in self._scripted]

    def add(self, fault: Fault) -> None:
        """Put a fault in force; its count of tries starts now."""
        self._scripted.append(_Scripted(fault))

    def clear(self) -> None:
        """Let every mail through again."""
        self._scripted.clear()

    def next_for(self, recipient: str) -> Fault | None:
        """Count one try for the recipient and tell what goes wrong with it, if anything."""
        due: Fault | None = None
        for scripted in self._scripted:
            fault = scripted.fault
            if not fnmatchcase(recipient.lower(), fault.to.lower()):
                continue
            number = next(scripted.tries)
            if due is None and (not fault.attempts or number in fault.attempts):
                due = fault
        return due
