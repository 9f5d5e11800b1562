"""What happens because time passes: webhook retries and appointments, in real time and when the clock is turned."""

from __future__ import annotations

import asyncio
import logging

from sandbox.stripe import appointments
from sandbox.stripe.state.account import Account
from sandbox.stripe.webhooks import Postman

log = logging.getLogger(__name__)

IDLE_SECONDS = 3600.0


class Timekeeper:
    """Does everything whose time has come, and sleeps until the next thing."""

    def __init__(self, account: Account, postman: Postman) -> None:
        self._account = account
        self._postman = postman
        self._something_new = asyncio.Event()

    def wake(self) -> None:
        """There may be something to do now."""
        self._something_new.set()

    async def run(self) -> None:
        """Keep time until cancelled."""
        while True:
            self._something_new.clear()
            try:
                self._begin_due()
            except Exception:
                log.exception("something that was due at the simulator went wrong")
            due = self._next_due()
            pause = IDLE_SECONDS if due is None else max(0.01, due - self._account.now())
            try:
                async with asyncio.timeout(pause):
                    await self._something_new.wait()
            except TimeoutError:
                continue

    async def turn(self, seconds: int) -> None:
        """Let `seconds` pass, stopping at each moment at which something is due; returns when all of it is done."""
        clock = self._account.clock
        target = clock.now() + seconds
        while True:
            self._begin_due()
            await self._postman.answered()
            due = self._next_due()
            if due is None or due > target:
                break
            clock.advance(max(0, due - clock.now()))
        clock.advance(max(0, target - clock.now()))
        self.wake()

    def _begin_due(self) -> None:
        appointments.keep_due(self._account)
        self._postman.send_due(when_answered=self.wake)

    def _next_due(self) -> int | None:
        moments = (appointments.next_due(self._account.store), self._postman.next_due())
        return min((moment for moment in moments if moment is not None), default=None)
