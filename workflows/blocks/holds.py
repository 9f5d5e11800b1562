"""Waiting for holds: nothing of a kind happens while somebody stops it for everybody; then the world is looked at anew."""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow

from activities.month_end import MonthEnds
from billing.holds import HeldEffect, Hold
from workflows.blocks.steps import RECORD, step
from workflows.blocks.waiting import wait_until

Announce = Callable[[tuple[Hold, ...]], None]


class HoldWatch:
    """Looks at the holds in Postgres, again after a while, and at once when it is told that they changed."""

    def __init__(self) -> None:
        self._told = 0
        self.waited_for: tuple[Hold, ...] = ()

    def changed(self) -> None:
        """Somebody placed or released a hold: look now."""
        self._told += 1

    async def none_covers(
        self, effect: HeldEffect, every: timedelta, announce: Announce, unless: Callable[[], bool]
    ) -> bool:
        """Wait until no hold for everybody covers `effect`; True when it had to wait, so that what was seen before is
        looked at again. `announce` gets each new set of holds; `unless` ends the wait."""
        waited = False
        while held := await step(MonthEnds.held, effect, allowance=RECORD, summary=f"look for holds on {effect}"):
            if held != self.waited_for:
                self.waited_for = held
                announce(held)
            waited, told = True, self._told

            def stirred(told: int = told) -> bool:
                return self._told != told or unless()

            again = workflow.now() + every
            await wait_until(again, stirred, name=f"look for holds on {effect} again {again:%a %d %b %H:%M} UTC")
            if unless():
                break
        self.waited_for = ()
        return waited
