"""One step of a runbook: an activity with a named allowance, and what its failure means in our words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.lanes import BULK_LANE, INVOICES_LANE, PAYMENTS_LANE, lane_queue
from billing.failures import FailureCode

Argument = TypeVar("Argument")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Allowance:
    """How long one try may take, how the tries are spaced (I9), and for how long we keep trying; None: until it works.

    `silence` is how long an attempt may go without a heartbeat; `lane` names a task queue of its own, whose rate the
    server limits for all workers together.
    """

    one_try: timedelta
    spaced_at_most: timedelta
    keep_trying: timedelta | None = None
    silence: timedelta | None = None
    lane: str | None = None


# Reading and writing the case record: a database that is away is waited for, however long.
RECORD = Allowance(one_try=timedelta(seconds=30), spaced_at_most=timedelta(seconds=60))
# Stripe, 1 s to 16 s apart. One try covers a plan, a send and a look-up of 10 s each; a worker that dies in the middle
# is noticed after that; past half an hour the runbook waits longer and then asks a person.
MONEY = Allowance(
    one_try=timedelta(seconds=40),
    spaced_at_most=timedelta(seconds=16),
    keep_trying=timedelta(minutes=30),
    lane=PAYMENTS_LANE,
)
# A charge: how the invoice stands is read before it and after it, with what was charged for it so far.
CHARGE = Allowance(
    one_try=timedelta(minutes=2),
    spaced_at_most=timedelta(seconds=16),
    keep_trying=timedelta(minutes=30),
    lane=PAYMENTS_LANE,
)
# Mail: a letter that cannot leave for a day is told to people, the case goes on.
LETTER = Allowance(one_try=timedelta(seconds=60), spaced_at_most=timedelta(seconds=60), keep_trying=timedelta(days=1))
# Evidence of a million events; an attempt that shows no progress for a minute is dead.
EVIDENCE = Allowance(one_try=timedelta(minutes=30), spaced_at_most=timedelta(seconds=60), silence=timedelta(minutes=1))
# A thousand tenants, or a roll-up of a month: minutes at most, and silent for a minute means dead. A database that is
# away is waited for half a day before people are asked.
BULK = Allowance(
    one_try=timedelta(minutes=30),
    spaced_at_most=timedelta(seconds=60),
    keep_trying=timedelta(hours=12),
    silence=timedelta(minutes=1),
    lane=BULK_LANE,
)
# A batch of letters with documents; see LETTER.
DELIVERY = Allowance(
    one_try=timedelta(minutes=10),
    spaced_at_most=timedelta(seconds=60),
    keep_trying=timedelta(days=1),
    silence=timedelta(minutes=1),
)
# Work that the next hour does again: it must not wait longer for what is away.
BULK_THIS_HOUR = replace(BULK, keep_trying=timedelta(minutes=10))
LETTERS_THIS_HOUR = replace(DELIVERY, keep_trying=timedelta(minutes=15))
# A batch of documents to the payment provider; what it does not take stays behind with its reason.
DOCUMENTS_OUT = Allowance(
    one_try=timedelta(minutes=10),
    spaced_at_most=timedelta(seconds=60),
    silence=timedelta(minutes=1),
    lane=INVOICES_LANE,
)
# A batch of the payment provider's events, each a read or two; what it does not answer for has its turn again later.
EVENTS_IN = Allowance(one_try=timedelta(minutes=10), spaced_at_most=timedelta(seconds=60), silence=timedelta(minutes=1))
# The provider's list of events; the next sweep looks as far back.
EVENTS_SWEPT = Allowance(
    one_try=timedelta(minutes=10),
    spaced_at_most=timedelta(seconds=60),
    keep_trying=timedelta(minutes=50),
    silence=timedelta(minutes=1),
)


async def step(
    activity: Callable[[Any, Argument], Result], argument: Argument, *, allowance: Allowance, summary: str
) -> Result:
    """Run one activity to its end and return its result; raises ActivityError when it failed for good.

    `summary` is what the Temporal UI shows for the step. A cancelled case waits for a running step: whether money moved
    is known before anything else happens.
    """
    result: Result = await workflow.execute_activity_method(
        activity,
        argument,
        task_queue=lane_queue(workflow.info().task_queue, allowance.lane) if allowance.lane else None,
        start_to_close_timeout=allowance.one_try,
        schedule_to_close_timeout=allowance.keep_trying,
        heartbeat_timeout=allowance.silence,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=allowance.spaced_at_most
        ),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=summary,
    )
    return result


def code_of(error: ActivityError) -> FailureCode | None:
    """The failure's code, or None when it is not one of ours (a time-out, say)."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type in set(FailureCode):
        return FailureCode(cause.type)
    return None


def words_of(error: ActivityError) -> str:
    """What went wrong, in one sentence for an operator."""
    cause = error.cause
    return cause.message if isinstance(cause, ApplicationError) else str(cause or error)
