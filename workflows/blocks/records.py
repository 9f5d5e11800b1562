"""Reading and writing our own books within the workflow's own task: one event in a history instead of six.

A case that sleeps for months looks often and acts seldom. What does not succeed at once goes the ordinary way, where trying
again costs no events however long the database is away.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

from workflows.blocks.steps import RECORD, step

Argument = TypeVar("Argument")
Result = TypeVar("Result")

# Well within the ten seconds of a workflow task.
_AT_ONCE = timedelta(seconds=5)


async def noted(activity: Callable[[Any, Argument], Result], argument: Argument, *, summary: str) -> Result:
    """Run a short activity over the books; like `step` it returns once it worked, and raises ActivityError for what is
    final."""
    try:
        result: Result = await workflow.execute_local_activity_method(
            activity,
            argument,
            schedule_to_close_timeout=_AT_ONCE,
            retry_policy=RetryPolicy(maximum_attempts=1),
            summary=summary,
        )
    except FailureError:  # unwrapped, unlike that of an ordinary activity: let that one say it
        return await step(activity, argument, allowance=RECORD, summary=summary)
    return result
