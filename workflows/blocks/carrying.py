"""Carrying out what was approved, exactly once: an outcome that nobody knows is looked up later and later, then by a person.

The attempt itself is safe to repeat (`activities.effects.send_once`); here is only how long it is repeated, and who is told.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from billing.failures import FailureCode
from workflows.blocks.steps import code_of, words_of
from workflows.blocks.waiting import wait_until

Done = TypeVar("Done")

# The decision no longer fits the world: propose again instead of acting on it.
_OUTDATED = {FailureCode.STALE_DECISION, FailureCode.NOT_APPROVED, FailureCode.PROVIDER_REFUSED}
# Trying again by itself cannot help: a person has to repair something first.
_BROKEN = {FailureCode.INVALID, FailureCode.NOT_FOUND, FailureCode.CONFLICT}


class Carrier(Protocol):
    """The runbook as this block sees it. `repaired` is False while a person, or a look-up, is waited for; `stuck` while it
    was handed over and may still be taken back; `committed` from the last moment at which people could change it."""

    repaired: bool
    stuck: bool
    committed: bool

    def note(self, text: str) -> None:
        """One more sentence of the story."""

    async def hand_over(self, step_name: str, what_happened: str) -> None:
        """Ask people to repair something and return once they did, or took it back."""


class OutdatedError(Exception):
    """What was approved cannot be done as it stands; `refused`: the provider said so, and a person should look why."""

    def __init__(self, why: str, *, refused: bool) -> None:
        super().__init__(why)
        self.why, self.refused = why, refused


async def carried_out(
    runbook: Carrier, what: str, attempt: Callable[[], Awaitable[Done]], look_up_after: Iterable[timedelta]
) -> Done | None:
    """Attempt until it is known to be done. None when people took it back while it was theirs to repair; raises
    OutdatedError. `what` names it in the story, such as `credit`."""
    pauses = iter(look_up_after)
    while True:
        try:
            return await attempt()
        except ActivityError as error:
            code = code_of(error)
            if code in _OUTDATED:
                raise OutdatedError(words_of(error), refused=code is FailureCode.PROVIDER_REFUSED) from error
            await _wait_out(runbook, what, words_of(error), None if code in _BROKEN else next(pauses, None))
            if not runbook.committed:
                return None


async def _wait_out(runbook: Carrier, what: str, why: str, pause: timedelta | None) -> None:
    """After an outcome nobody knows: look again later, and in the end let a person look (never charge on a guess)."""
    if pause is None:
        runbook.stuck = True
        try:
            return await runbook.hand_over(what, why)
        finally:
            runbook.stuck = False
    runbook.repaired = False
    again = workflow.now() + pause
    runbook.note(f"the outcome of the {what} is unknown: {why}; looked up again {again:%a %d %b %H:%M} UTC")
    await wait_until(again, lambda: runbook.repaired, name=f"look the {what} up again {again:%a %d %b %H:%M} UTC")
    runbook.repaired = True
    return None
