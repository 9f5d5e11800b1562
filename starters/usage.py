"""Usage from outside: the way in for files, its quarantine and roll-ups, and starting a day's validation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from activities.clock import wall_clock
from adapters.postgres.usage_desk import UsageDesk
from billing.policy.standard import USAGE_INTAKE
from billing.usage_validation import Ending, ValidationOrder, ValidationStory, workflow_id
from settings import Settings
from starters.connect import PATIENCE, reaching_temporal
from starters.speaking import ask

RUNBOOK = "usage-validation"
STORY = "story"


@contextmanager
def usage_desk(settings: Settings) -> Iterator[UsageDesk]:
    """Everything about usage in the books, over connections of its own whose statements may take minutes."""
    url = settings.need("database_url").database_url
    assert url is not None  # noqa: S101 - needed above
    desk = UsageDesk.at(url.get_secret_value(), USAGE_INTAKE, wall_clock)
    try:
        yield desk
    finally:
        desk.close()


async def validate(client: Client, day: date, *, task_queue: str) -> tuple[Ending, ValidationStory]:
    """Validate the days before `day` and wait for the ending; one that is under way already is waited for."""
    case = workflow_id(day)
    with reaching_temporal(case):
        handle = await client.start_workflow(
            RUNBOOK,
            ValidationOrder(day=day),
            id=case,
            task_queue=task_queue,
            result_type=Ending,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"usage up to {day}",
            rpc_timeout=PATIENCE,
        )
        ending = await handle.result()
    return ending, await ask(client, case, STORY, ValidationStory)
