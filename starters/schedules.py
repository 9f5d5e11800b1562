"""Everything that starts by itself, declared in one place and brought to Temporal by an upsert that may be repeated.

Times are local to the configured zone; what a schedule starts reads the nominal time, never the clock, so that a start
that was late, caught up or filled in afterwards does the work of the day it stands for.
"""

from __future__ import annotations

from calendar import day_name
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from billing.failures import BillingFailure, FailureCode
from billing.payment_collection import COLLECTION
from billing.policy.month_end import MonthEndPolicy
from billing.policy.payments import COLLECTED_AT
from billing.policy.standard import RECONCILIATION, RETENTION
from billing.provider_events import SWEEP
from billing.schedules import objection_to_time
from starters.connect import PATIENCE, reaching_temporal

MONTH_END = "month-end"
# What is done every day is not made up for when a day was missed: each looks some days back.
_A_DAY = timedelta(days=1)
_AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Declared:
    """One schedule: which workflow it starts with which arguments, on which day of the month or of the week (0 is Sunday;
    None: every day) and when; an hourly one at the minute of `at`."""

    schedule_id: str
    workflow: str
    arguments: tuple[Any, ...]
    at: time
    note: str
    catch_up_within: timedelta
    day_of_month: int | None = None
    day_of_week: int | None = None
    hourly: bool = False
    # Starts that fall into one that still runs wait for it; the one with more than one of them waiting is the month end,
    # of which none may be left out.
    overlap: ScheduleOverlapPolicy = ScheduleOverlapPolicy.BUFFER_ONE


class ScheduleLine(BaseModel):
    """A schedule as people read it; `next_at` are the nominal times to come."""

    model_config = ConfigDict(frozen=True)

    schedule_id: str
    note: str
    applied: bool
    paused: bool = False
    why: str = ""
    next_at: tuple[AwareDatetime, ...] = ()
    running: int = 0
    last_at: AwareDatetime | None = None


def declared(policy: MonthEndPolicy) -> tuple[Declared, ...]:
    """The schedules of the house."""
    return (
        Declared(
            schedule_id=MONTH_END,
            workflow="month-end-on-schedule",
            arguments=(policy.zone,),
            at=policy.starts_at,
            day_of_month=1,
            note="bill the month that has ended",
            catch_up_within=policy.catch_up_within,
            overlap=ScheduleOverlapPolicy.BUFFER_ALL,
        ),
        Declared(
            schedule_id="usage-validation",
            workflow="usage-validation",
            arguments=({},),
            at=policy.usage_validated_at,
            note="hold the roll-ups of the last days against the raw events",
            catch_up_within=_A_DAY,
        ),
        Declared(
            schedule_id="reconciliation",
            workflow="reconciliation-on-schedule",
            arguments=(policy.zone,),
            at=RECONCILIATION.starts_at,
            note="compare the month that was billed last with the payment provider",
            catch_up_within=_A_DAY,
        ),
        Declared(
            schedule_id=COLLECTION,
            workflow=COLLECTION,
            arguments=({},),
            at=COLLECTED_AT,
            note="charge what fell due for the first time, and read what is paid on receipt",
            catch_up_within=_A_DAY,
        ),
        Declared(
            schedule_id=SWEEP,
            workflow=SWEEP,
            arguments=(),
            at=time(0, 17),
            hourly=True,
            note="look for events of the payment provider that never arrived",
            catch_up_within=_AN_HOUR,
        ),
        Declared(
            schedule_id="usage-limits",
            workflow="usage-limits",
            arguments=({},),
            at=time(0, 0),
            hourly=True,
            note="hold running usage against its caps: warn, limit, release",
            catch_up_within=_AN_HOUR,
        ),
        _retention(policy.zone),
    )


def _retention(zone: str) -> Declared:
    """Once a week; a plan that waits for people keeps the next one from nothing."""
    return Declared(
        schedule_id="retention",
        workflow="retention-on-schedule",
        arguments=(zone,),
        at=RETENTION.starts_at,
        day_of_week=RETENTION.weekday,
        note="plan what may be deleted for good; nothing is, before two people said so",
        catch_up_within=_A_DAY,
    )


async def apply(client: Client, schedules: Iterable[Declared], zone: str, task_queue: str, now: datetime) -> list[str]:
    """Make Temporal's schedules what is declared here; answers a sentence for each. A paused one stays paused.

    Raises INVALID when the zone skips or repeats one of the times.
    """
    wanted = list(schedules)
    for one in wanted:
        # However clocks are changed, an hour has its minute once.
        if not one.hourly and (problem := objection_to_time(one.at, zone, now)):
            raise BillingFailure(FailureCode.INVALID, f"schedule {one.schedule_id}: {problem}")
    with reaching_temporal("the schedules"):
        return [await _upserted(client, one, zone, task_queue) for one in wanted]


async def lines(client: Client, schedules: Sequence[Declared]) -> list[ScheduleLine]:
    """Every declared schedule as it stands, applied or not."""
    with reaching_temporal("the schedules"):
        return [await _line(client, one) for one in schedules]


async def pause(client: Client, schedule_id: str, why: str) -> None:
    """Start nothing until the schedule is resumed; what it has started goes on."""
    with _reaching(schedule_id):
        await client.get_schedule_handle(schedule_id).pause(note=why, rpc_timeout=PATIENCE)


async def resume(client: Client, schedule_id: str, why: str) -> None:
    """Start again; starts missed within the catch-up window are made up for."""
    with _reaching(schedule_id):
        await client.get_schedule_handle(schedule_id).unpause(note=why, rpc_timeout=PATIENCE)


async def trigger(client: Client, schedule_id: str) -> None:
    """Start once, now."""
    with _reaching(schedule_id):
        await client.get_schedule_handle(schedule_id).trigger(rpc_timeout=PATIENCE)


async def backfill(client: Client, schedule_id: str, since: datetime, until: datetime) -> None:
    """Start everything whose nominal time lies from `since` to `until`, one after the other."""
    with _reaching(schedule_id):
        wanted = ScheduleBackfill(start_at=since, end_at=until, overlap=ScheduleOverlapPolicy.BUFFER_ALL)
        await client.get_schedule_handle(schedule_id).backfill(wanted, rpc_timeout=PATIENCE)


async def _upserted(client: Client, one: Declared, zone: str, task_queue: str) -> str:
    wanted = _schedule(one, zone, task_queue)
    try:
        await client.create_schedule(one.schedule_id, wanted, rpc_timeout=PATIENCE)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(one.schedule_id).update(
            lambda was: _changed(was, wanted), rpc_timeout=PATIENCE
        )
        return f"{one.schedule_id} is up to date: {_when(one)} in {zone}, {one.note}"
    return f"{one.schedule_id} is new: {_when(one)} in {zone}, {one.note}"


def _changed(was: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate:
    """What is declared, in the state that people have put it into."""
    wanted.state = was.description.schedule.state
    return ScheduleUpdate(schedule=wanted)


def _schedule(one: Declared, zone: str, task_queue: str) -> Schedule:
    days = ScheduleRange(1, 31) if one.day_of_month is None else ScheduleRange(one.day_of_month)
    hours = ScheduleRange(0, 23) if one.hourly else ScheduleRange(one.at.hour)
    weekdays = ScheduleRange(0, 6) if one.day_of_week is None else ScheduleRange(one.day_of_week)
    calendar = ScheduleCalendarSpec(
        day_of_month=[days], day_of_week=[weekdays], hour=[hours], minute=[ScheduleRange(one.at.minute)]
    )
    return Schedule(
        action=ScheduleActionStartWorkflow(
            one.workflow,
            args=list(one.arguments),
            id=f"{one.schedule_id}-on-schedule",
            task_queue=task_queue,
            static_summary=one.note,
        ),
        spec=ScheduleSpec(calendars=[calendar], time_zone_name=zone),
        policy=SchedulePolicy(overlap=one.overlap, catchup_window=one.catch_up_within),
        state=ScheduleState(note=one.note),
    )


async def _line(client: Client, one: Declared) -> ScheduleLine:
    try:
        with _reaching(one.schedule_id):
            described = await client.get_schedule_handle(one.schedule_id).describe(rpc_timeout=PATIENCE)
    except BillingFailure as failure:
        if failure.code is not FailureCode.NOT_FOUND:
            raise
        return ScheduleLine(schedule_id=one.schedule_id, note=one.note, applied=False)
    info, state = described.info, described.schedule.state
    return ScheduleLine(
        schedule_id=one.schedule_id,
        note=one.note,
        applied=True,
        paused=state.paused,
        why=(state.note or "") if state.paused else "",
        next_at=tuple(info.next_action_times),
        running=len(info.running_actions),
        last_at=info.recent_actions[-1].scheduled_at if info.recent_actions else None,
    )


@contextmanager
def _reaching(schedule_id: str) -> Iterator[None]:
    try:
        with reaching_temporal(schedule_id):
            yield
    except BillingFailure as failure:
        if failure.code is not FailureCode.NOT_FOUND:
            raise
        raise BillingFailure(
            FailureCode.NOT_FOUND,
            f"there is no schedule {schedule_id}: `runbooks schedules apply` makes those declared",
        ) from failure


def _when(one: Declared) -> str:
    if one.hourly:
        return f"every hour at minute {one.at.minute}"
    if one.day_of_week is not None:
        return f"every {day_name[one.day_of_week - 1]} at {one.at:%H:%M}"
    day = "every day" if one.day_of_month is None else f"on day {one.day_of_month} of each month"
    return f"{day} at {one.at:%H:%M}"
