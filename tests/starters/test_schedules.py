"""Schedules on a real Temporal server: what is declared, when it fires, and which month it bills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from temporalio import workflow
from temporalio.client import Client, ScheduleOverlapPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from adapters.policies import Policies
from billing.failures import BillingFailure
from billing.month_end import Ending, RunOrder
from starters import schedules
from starters.schedules import Declared, apply, backfill, declared, lines, pause, resume
from workflows.blocks.sandbox import sandboxed_runner
from workflows.month_end_schedule import ScheduledMonthEnd

ZONE = "America/New_York"
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
BILLED: list[RunOrder] = []


@workflow.defn(name="month-end", sandboxed=False)
class Remembering:
    """A month end that only remembers what it was ordered."""

    @workflow.run
    async def run(self, order: RunOrder, carried: None = None) -> Ending:
        BILLED.append(order)
        return Ending.CLOSED


@pytest.fixture
def client(temporal_environment: WorkflowEnvironment) -> Client:
    return temporal_environment.client


@pytest.fixture
async def schedule(client: Client) -> AsyncIterator[Declared]:
    """The month end's schedule under a name of the test's own."""
    (month_end, *_) = declared(Policies.of_the_house(ZONE))
    mine = replace(month_end, schedule_id=f"month-end-{uuid4().hex[:8]}")
    await apply(client, [mine], ZONE, "nobody-works-here", NOW)
    yield mine
    await client.get_schedule_handle(mine.schedule_id).delete()


async def test_the_month_end_fires_on_the_first_at_six_whatever_clocks_do(client: Client, schedule: Declared) -> None:
    (line,) = await lines(client, [schedule])

    local = [moment.astimezone(ZoneInfo(ZONE)) for moment in line.next_at]
    assert len(local) == 10
    assert {(moment.day, moment.hour, moment.minute) for moment in local} == {(1, 6, 0)}
    assert len({moment.utcoffset() for moment in local}) == 2


async def test_the_retention_plan_is_made_every_monday(client: Client) -> None:
    weekly = next(one for one in declared(Policies.of_the_house(ZONE)) if one.schedule_id == "retention")
    mine = replace(weekly, schedule_id=f"retention-{uuid4().hex[:8]}")

    (said,) = await apply(client, [mine], ZONE, "nobody-works-here", NOW)

    (line,) = await lines(client, [mine])
    await client.get_schedule_handle(mine.schedule_id).delete()
    local = [moment.astimezone(ZoneInfo(ZONE)) for moment in line.next_at]
    assert f"every Monday at 07:00 in {ZONE}" in said
    assert {(f"{moment:%A}", moment.hour, moment.minute) for moment in local} == {("Monday", 7, 0)}


async def test_applying_again_changes_nothing_and_a_paused_one_stays_paused(client: Client, schedule: Declared) -> None:
    await pause(client, schedule.schedule_id, "finance-1: prices change")

    (said,) = await apply(client, [schedule], ZONE, "nobody-works-here", NOW)

    (line,) = await lines(client, [schedule])
    assert said == f"{schedule.schedule_id} is up to date: on day 1 of each month at 06:00 in {ZONE}, " + schedule.note
    assert (line.applied, line.paused, line.why) == (True, True, "finance-1: prices change")


async def test_a_changed_declaration_is_brought_over(client: Client, schedule: Declared) -> None:
    later = replace(schedule, at=time(9, 30))

    await apply(client, [later], "Asia/Tokyo", "nobody-works-here", NOW)

    (line,) = await lines(client, [later])
    assert {f"{moment.astimezone(ZoneInfo('Asia/Tokyo')):%d %H:%M}" for moment in line.next_at} == {"01 09:30"}


async def test_a_resumed_schedule_is_on_again(client: Client, schedule: Declared) -> None:
    await pause(client, schedule.schedule_id, "prices change")

    await resume(client, schedule.schedule_id, "prices are in")

    (line,) = await lines(client, [schedule])
    assert not line.paused


async def test_a_time_that_the_zone_skips_is_refused_before_anything_is_applied(client: Client) -> None:
    at_night = replace(declared(Policies.of_the_house(ZONE))[0], schedule_id=f"night-{uuid4().hex[:8]}", at=time(2, 30))

    with pytest.raises(BillingFailure, match=r"schedule night-.*: 02:30 in America/New_York is skipped or repeated"):
        await apply(client, [at_night], ZONE, "nobody-works-here", NOW)

    (line,) = await lines(client, [at_night])
    assert not line.applied


@pytest.mark.parametrize("deed", [schedules.trigger, lambda client, name: schedules.pause(client, name, "why")])
async def test_a_schedule_that_is_not_applied_is_named_with_what_to_do(client: Client, deed: object) -> None:
    with pytest.raises(BillingFailure, match="there is no schedule nothing: `runbooks schedules apply`"):
        await deed(client, "nothing")  # type: ignore[operator]


async def test_months_that_were_missed_are_billed_one_after_the_other(client: Client) -> None:
    queue = f"schedule-{uuid4().hex[:8]}"
    mine = replace(declared(Policies.of_the_house(ZONE))[0], schedule_id=queue)
    workflows = [ScheduledMonthEnd, Remembering]
    async with Worker(client, task_queue=queue, workflows=workflows, workflow_runner=sandboxed_runner()):
        await apply(client, [mine], ZONE, queue, NOW)

        await backfill(client, queue, datetime(2019, 1, 20, tzinfo=UTC), datetime(2019, 3, 20, tzinfo=UTC))

        async with asyncio.timeout(30):
            while len(BILLED) < 2:  # noqa: ASYNC110 - there is no event: the runs are the server's to start
                await asyncio.sleep(0.05)
    await client.get_schedule_handle(queue).delete()
    assert [(order.period, order.requested_by) for order in BILLED] == [("2019-01", "runbook"), ("2019-02", "runbook")]


def test_no_month_end_overlaps_another_and_none_is_left_out() -> None:
    month_end = next(one for one in declared(Policies.of_the_house("UTC")) if one.schedule_id == "month-end")

    assert month_end.overlap is ScheduleOverlapPolicy.BUFFER_ALL
    assert month_end.catch_up_within == timedelta(days=7)


async def test_an_hourly_schedule_fires_every_hour_also_where_clocks_are_changed(client: Client) -> None:
    sweep = next(one for one in declared(Policies.of_the_house(ZONE)) if one.schedule_id == "stripe-events-sweep")
    mine = replace(sweep, schedule_id=f"sweep-{uuid4().hex[:8]}")

    (said,) = await apply(client, [mine], ZONE, "nobody-works-here", NOW)

    (line,) = await lines(client, [mine])
    await client.get_schedule_handle(mine.schedule_id).delete()
    waits = {later - earlier for earlier, later in pairwise(line.next_at)}
    assert waits == {timedelta(hours=1)}
    assert {moment.minute for moment in line.next_at} == {sweep.at.minute}
    assert "every hour at minute 17" in said
