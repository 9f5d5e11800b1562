"""Activities keep the form that the runbooks rely on, and Stripe's rate is kept by the server for all workers."""

from typing import Any

from temporalio import activity
from temporalio.testing import WorkflowEnvironment

import worker
from activities.binding import Ports, activities
from activities.lanes import lane_queue
from workflows.blocks.steps import MONEY

QUEUE = "activities-under-inspection"


def no_ports() -> Ports:
    """Enough to bind every activity, and to run none."""
    nothing: Any = None
    return Ports(**dict.fromkeys(Ports.__dataclass_fields__, nothing))


def definitions(activities: Any) -> list[activity._Definition]:
    return [activity._Definition.must_from_callable(one) for one in activities]


def test_every_activity_is_a_plain_function_that_is_never_interrupted() -> None:
    by_lane = activities(no_ports())

    all_of_them = definitions(one for lane in by_lane.values() for one in lane)

    assert not [one.name for one in all_of_them if one.is_async]
    assert not [one.name for one in all_of_them if not one.no_thread_cancel_exception]


async def test_only_stripe_calls_run_on_the_payments_lane(temporal_environment: WorkflowEnvironment) -> None:
    assert MONEY.lane is not None

    async with worker.working(temporal_environment.client, QUEUE, no_ports()) as (_, lane, *_):
        settings = lane.config(active_config=True)

    assert settings["task_queue"] == lane_queue(QUEUE, MONEY.lane)
    assert [one.name for one in definitions(settings["activities"])] == [
        "issue_credit",
        "carry_out_correction",
        "open_payment_retry",
        "refresh_receivables",
        "attempt_payment",
        "look_up_payment",
        "look_at_debts",
        "take_delinquency_step",
        "note_payment_elsewhere",
    ]
    assert settings["max_task_queue_activities_per_second"] == worker.SANDBOX_RATES.payments_a_second
