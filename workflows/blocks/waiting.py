"""Waiting for a moment or for something to happen, in the only two forms that replay safely."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow


async def wait_until(moment: datetime, unless: Callable[[], bool], *, name: str) -> bool:
    """Wait for `moment` (aware), or shorter when `unless` comes true; True when the moment came.

    `name` labels the timer in the Temporal UI. A moment already past starts no timer.
    """
    left = moment - workflow.now()
    if left <= timedelta(0):
        return not unless()
    try:
        await workflow.wait_condition(unless, timeout=left, timeout_summary=name)
    except TimeoutError:
        return True
    return False


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for as long as it takes."""
    await workflow.wait_condition(condition)
