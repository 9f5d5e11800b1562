"""Starting a month end and everything people may say to one.

Runs are addressed by the names they answer to, as disputes are; a test holds these names against the runbook. Every call
raises BillingFailure with the reason in words.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.invoicing_ports import BillingRuns
from billing.failures import BillingFailure, FailureCode
from billing.month_end import Instruction, Parking, RunOrder, RunStory, not_over, workflow_id
from billing.run_reports import RunDiff, RunReport
from starters.card_numbers import without_card_numbers
from starters.connect import PATIENCE, reaching_temporal
from starters.speaking import ask, tell

RUNBOOK = "month-end"

PAUSE = "pause"
RESUME = "resume"
CANCEL = "cancel"
TRY_AGAIN = "try_again"
PARK = "park"
STORY = "story"
HOLDS_CHANGED = "holds_changed"

# A run that has ended is gone as soon as its last letters have left, as a rule within a moment.
_LOOKS = 10
_LOOK_AGAIN_SECONDS = 0.3


class RunHandle(BaseModel):
    """The case of a period's run; `started` False: one is under way already, and stays as it was ordered."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    started: bool


async def start(client: Client, order: RunOrder, *, task_queue: str, zone: str, now: datetime) -> RunHandle:
    """Begin the month end of a period, durably once this returns. Raises INVALID for a period that is not over in `zone`."""
    if refusal := not_over(order.period, zone, now):
        raise BillingFailure(FailureCode.INVALID, refusal)
    case = workflow_id(order.period, dry_run=order.dry_run)
    for _ in range(_LOOKS):
        if await _started(client, order, case, task_queue):
            return RunHandle(case_id=case, started=True)
        if not await _has_ended(client, case):
            break
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    return RunHandle(case_id=case, started=False)


async def _started(client: Client, order: RunOrder, case: str, task_queue: str) -> bool:
    try:
        with reaching_temporal(case):
            await client.start_workflow(
                RUNBOOK,
                # Every argument the runbook declares: with fewer, none of them would be read as what it is.
                args=[without_card_numbers(order), None],
                id=case,
                task_queue=task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=f"month end {order.period}{', dry run' if order.dry_run else ''}",
                rpc_timeout=PATIENCE,
            )
    except WorkflowAlreadyStartedError:
        return False
    return True


async def _has_ended(client: Client, case: str) -> bool:
    """Whether the run that is under way has come to its ending and only waits for its last letters to leave."""
    try:
        return (await story(client, case)).ending is not None
    except BillingFailure:
        return False


async def story(client: Client, case: str) -> RunStory:
    """What the newest run of the case tells of itself, as of its last step."""
    return await ask(client, case, STORY, RunStory)


async def pause(client: Client, case: str, order: Instruction, *, request_id: str | None = None) -> str:
    """Let the run finish what is under way, and nothing more until it is resumed."""
    return await tell(client, case, PAUSE, order, str, request_id)


async def resume(client: Client, case: str, order: Instruction, *, request_id: str | None = None) -> str:
    """Let a paused run go on."""
    return await tell(client, case, RESUME, order, str, request_id)


async def cancel(client: Client, case: str, order: Instruction, *, request_id: str | None = None) -> str:
    """Give a run up before anything is issued."""
    return await tell(client, case, CANCEL, order, str, request_id)


async def try_again(client: Client, case: str, order: Instruction, *, request_id: str | None = None) -> str:
    """Let a run go on that handed something over, once its cause is repaired."""
    return await tell(client, case, TRY_AGAIN, order, str, request_id)


async def park(client: Client, case: str, parking: Parking, *, request_id: str | None = None) -> str:
    """Take a draft out of the run before it is issued."""
    return await tell(client, case, PARK, parking, str, request_id)


async def give_up(client: Client, runs: BillingRuns, period: str, order: Instruction, now: datetime) -> str:
    """End a run whose workflow is gone, terminated say, so that another can begin: its drafts are removed, what was
    issued stays. Answers its id. Raises CONFLICT while the workflow is there, NOT_FOUND when no run works."""
    case = workflow_id(period, dry_run=False)
    if await _is_there(client, case):
        raise BillingFailure(FailureCode.CONFLICT, f"{case} is under way: cancel it instead")

    def abandoned() -> str:
        run_id = runs.working(period)
        if run_id is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"no run bills {period}: nothing to give up")
        runs.abandon(run_id, f"given up by {order.by}: {order.reason}", now)
        return run_id

    return await asyncio.to_thread(abandoned)


async def _is_there(client: Client, case: str) -> bool:
    try:
        with reaching_temporal(case):
            described = await client.get_workflow_handle(case).describe(rpc_timeout=PATIENCE)
    except BillingFailure as failure:
        if failure.code is FailureCode.NOT_FOUND:
            return False
        raise
    return described.status is WorkflowExecutionStatus.RUNNING


async def holds_changed(client: Client) -> int:
    """Tell every run that is under way to look at the holds now; answers how many were told."""
    told = 0
    with reaching_temporal():
        async for run in client.list_workflows(f"WorkflowType = '{RUNBOOK}' AND ExecutionStatus = 'Running'"):
            handle = client.get_workflow_handle(run.id, run_id=run.run_id)
            await handle.signal(HOLDS_CHANGED, rpc_timeout=PATIENCE)
            told += 1
    return told


async def report(runs: BillingRuns, period: str, run_id: str | None = None) -> RunReport:
    """The report of a run, by default of the period's newest; raises NOT_FOUND when there is none."""
    return await asyncio.to_thread(lambda: runs.report(run_id or _newest(runs, period)))


async def diff(runs: BillingRuns, period: str, run_id: str | None = None, against: str | None = None) -> RunDiff:
    """How a run differs from another of its period; by default the newest from the one before it."""

    def compared() -> RunDiff:
        here = run_id or _newest(runs, period)
        there = against or runs.last(period, before=here)
        if there is None:
            raise BillingFailure(
                FailureCode.NOT_FOUND, f"{here} is the first run of {period}: nothing to compare it with"
            )
        return runs.diff(here, there)

    return await asyncio.to_thread(compared)


def _newest(runs: BillingRuns, period: str) -> str:
    newest = runs.last(period)
    if newest is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"nobody has billed {period} yet: `runbooks month-end run` does")
    return newest
