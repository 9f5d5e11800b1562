"""Beginning a runbook once: whoever asks again, and whenever, finds the one that began or has ended since."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from starters.connect import PATIENCE, reaching_temporal


def digits_of(key: str, how_many: int) -> str:
    """What stands for an idempotency key in the name of what it begins, hexadecimal: the same key names the same, and the key
    itself, which may say anything, is not shown."""
    return hashlib.sha256(key.encode()).hexdigest()[:how_many]


async def begin_once(
    client: Client, runbook: str, order: BaseModel, case: str, *, task_queue: str, summary: str
) -> None:
    """Start the runbook as `case`, durably once this returns; one that was started before is left alone.

    `summary` is what the Temporal UI shows beside the id; nothing personal, since it is not encrypted.
    """
    try:
        with reaching_temporal(case):
            await client.start_workflow(
                runbook,
                order,
                id=case,
                task_queue=task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                static_summary=summary,
                rpc_timeout=PATIENCE,
            )
    except WorkflowAlreadyStartedError:
        return
