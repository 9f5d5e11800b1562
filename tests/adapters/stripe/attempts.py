"""Bringing one effect about through crashes, faults and hours of waiting, with the real adapter on the simulator.

`send_once` drives it. On the second try means: the process ended after the first answer came and before it was written
down, and what is sent again then meets the fault.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from activities.effects import Sender, send_once
from activities.ports import ProviderAnswer, Wire
from billing.effects import Effect, EffectState
from billing.failures import BillingFailure, FailureCode
from sandbox.stripe.control import StripeControl
from sandbox.stripe.faults import FaultKind
from tests.adapters.stripe.samples import NOW
from tests.fakes.effects import FakeEffects

TRIES_MAX = 12
# Faults that keep the caller waiting are given up on after this many seconds.
PATIENCE = 0.3
WAITING = {FaultKind.TIMEOUT, FaultKind.PAUSE}

FAULTS: dict[str, tuple[FaultKind, dict[str, Any]]] = {
    "500 before the commit": (FaultKind.ERROR_BEFORE_COMMIT, {}),
    "500 before the commit, stored": (FaultKind.ERROR_BEFORE_COMMIT, {"stored": True}),
    "500 after the commit, stored": (FaultKind.ERROR_AFTER_COMMIT, {}),
    "answer lost after the commit": (FaultKind.LOST_ANSWER, {}),
    "answer broken off": (FaultKind.TRUNCATED_ANSWER, {}),
    "answer garbled": (FaultKind.GARBLED_ANSWER, {}),
    "too late, done": (FaultKind.TIMEOUT, {"committed": True}),
    "too late, done only then": (FaultKind.TIMEOUT, {"committed": False}),
    "held, done": (FaultKind.PAUSE, {"committed": True}),
    "held, done only then": (FaultKind.PAUSE, {"committed": False}),
    "409": (FaultKind.CONFLICT, {}),
    "429": (FaultKind.RATE_LIMIT, {}),
    "402": (FaultKind.DECLINE, {}),
}


def patience(kind: FaultKind) -> float:
    """How long the adapter waits for an answer, in seconds, where this fault may strike."""
    return PATIENCE if kind in WAITING else 5.0


class ProcessDiedError(Exception):
    """The process ended with the answer in its hand."""


@dataclass
class Attempts:
    """One effect and every try at it; dies `deaths` times with the answer in its hand."""

    control: StripeControl
    effect: Effect
    sender: Sender
    deaths: int = 0
    ledger: FakeEffects = field(default_factory=FakeEffects)
    now: datetime = NOW
    tries: int = 0

    def __post_init__(self) -> None:
        self.ledger.put(self.effect)

    def once(self) -> ProviderAnswer:
        """One run of the activity."""
        self.tries += 1
        sender = Sender(plan=self.sender.plan, send=self._send, find=self.sender.find)
        return send_once(self.ledger, self.effect.op_key, sender, self._settle, self.now)

    def until_settled(self) -> ProviderAnswer | FailureCode:
        """Try as the runbook does until there is an answer or a failure that no try can change."""
        while self.tries < TRIES_MAX:
            try:
                return self.once()
            except ProcessDiedError:
                continue
            except BillingFailure as failure:
                if failure.final:
                    return failure.code
                self.now += timedelta(minutes=5)
                self.control.release()
                time.sleep(0.02)
        return pytest.fail(f"still not settled after {self.tries} tries: {self.state}")

    def hours_pass(self, hours: float) -> None:
        self.now += timedelta(hours=hours)
        self.control.advance(hours=hours)

    @property
    def state(self) -> EffectState:
        return self.ledger.rows[self.effect.op_key].state

    def _send(self, wire: Wire, key: str) -> ProviderAnswer:
        return self.sender.send(wire, key)

    def _settle(self, answer: ProviderAnswer) -> ProviderAnswer:
        if self.deaths:
            self.deaths -= 1
            raise ProcessDiedError
        self.ledger.confirm(self.effect.op_key, answer)
        return answer
