"""Speaking to a running case of any runbook, by the names it answers to.

Every call raises BillingFailure: UNAVAILABLE when Temporal or its workers do not answer, NOT_FOUND, CONFLICT or INVALID
with the case's own reason.
"""

from __future__ import annotations

import uuid
from typing import TypeVar

from pydantic import BaseModel
from temporalio.client import (
    Client,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError

from billing.cases import SignedDecision
from billing.failures import BillingFailure, FailureCode
from starters.card_numbers import without_card_numbers
from starters.connect import PATIENCE, reaching_temporal

Answer = TypeVar("Answer")


async def ask(client: Client, case: str, query: str, answer: type[Answer]) -> Answer:
    """What a case tells of itself, as of its last step."""
    try:
        with reaching_temporal(case):
            handle = client.get_workflow_handle(case)
            told: Answer = await handle.query(query, result_type=answer, rpc_timeout=PATIENCE)
            return told
    except WorkflowQueryFailedError as error:
        raise BillingFailure(FailureCode.UNAVAILABLE, f"{case} cannot tell its story yet") from error


async def tell(
    client: Client, case: str, update: str, content: BaseModel, answer: type[Answer], request_id: str | None
) -> Answer:
    """Send an update and wait for its answer; the same `request_id` again returns the first answer."""
    try:
        with reaching_temporal(case):
            handle = client.get_workflow_handle(case)
            told: Answer = await handle.execute_update(
                update,
                content if isinstance(content, SignedDecision) else without_card_numbers(content),
                id=f"{update}/{request_id or uuid.uuid4()}",
                result_type=answer,
                rpc_timeout=PATIENCE,
            )
            return told
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise BillingFailure(
            FailureCode.UNAVAILABLE, f"{case} did not answer in time: it may still have heard; look before repeating"
        ) from error
    except WorkflowUpdateFailedError as error:
        raise _refusal(error) from error


def _refusal(error: WorkflowUpdateFailedError) -> BillingFailure:
    """The case's own words; a type that is no code of ours is a conflict with the state of the case."""
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return BillingFailure(FailureCode.CONFLICT, str(cause or error))
    known = cause.type in set(FailureCode)
    return BillingFailure(FailureCode(cause.type) if known and cause.type else FailureCode.CONFLICT, cause.message)
