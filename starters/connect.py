"""The way into Temporal: one client for a process, or one for the length of a command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client, RPCError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime
from temporalio.service import RetryConfig, RPCStatusCode

from billing.failures import BillingFailure, FailureCode
from settings import Settings

# Whoever waits for an HTTP answer or a prompt gives up sooner than a worker may.
PATIENCE = timedelta(seconds=5)
_RETRY_FOR_MS = 2_000
# The SDK's threads abort the interpreter when it exits right after a call (sdk-python#300).
_THREADS_REST_SECONDS = 0.1

_AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
    }
)


async def connect(settings: Settings, *, patient: bool = False, runtime: Runtime | None = None) -> Client:
    """A client that connects when it is first used, so that whoever holds it can start while Temporal is down.

    `patient` waits as long as the SDK does, for workers: nobody stands at their counter.
    """
    hasty = {
        "retry_config": RetryConfig(max_elapsed_time_millis=_RETRY_FOR_MS, max_retries=3),
        "connect_timeout": PATIENCE,
    }
    pace: dict[str, Any] = {} if patient else {**hasty, "lazy": True}
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
        tls=settings.temporal_tls or settings.temporal_api_key is not None,
        data_converter=pydantic_data_converter,
        runtime=runtime,
        **pace,
    )


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Client]:
    """A client for a script that ends soon."""
    try:
        yield await connect(settings)
    finally:
        await asyncio.sleep(_THREADS_REST_SECONDS)


@contextmanager
def reaching_temporal(case: str = "the case") -> Iterator[None]:
    """Name the failures of a call about a case: UNAVAILABLE when Temporal does not answer in time or no worker gets on
    with the case, NOT_FOUND for an unknown case, CONFLICT for one that is over; anything else passes through."""
    try:
        yield
    except RPCError as error:
        if error.status in _AWAY:
            raise BillingFailure(FailureCode.UNAVAILABLE, f"Temporal does not answer: {error.status.name}") from error
        if error.status is RPCStatusCode.FAILED_PRECONDITION:  # nobody to answer, or one worker after the other failed
            raise BillingFailure(FailureCode.UNAVAILABLE, f"no worker answers for {case}: try again soon") from error
        if error.status is RPCStatusCode.NOT_FOUND and "already completed" in error.message:
            raise BillingFailure(FailureCode.CONFLICT, f"{case} is closed: {_once_closed(case)}") from error
        if error.status is RPCStatusCode.NOT_FOUND:
            raise BillingFailure(FailureCode.NOT_FOUND, f"{case} is no open case: {_where_open(case)}") from error
        raise
    except RuntimeError as error:
        # The SDK's own words for a server that cannot be reached at all; it has no class for it.
        if "connect" not in str(error).lower():
            raise
        raise BillingFailure(FailureCode.UNAVAILABLE, "Temporal cannot be reached") from error


async def answers(client: Client) -> bool:
    """Whether Temporal serves calls now, asked with little patience."""
    try:
        return await client.service_client.check_health(timeout=timedelta(seconds=1))
    except (RPCError, RuntimeError):
        return False


def _once_closed(case: str) -> str:
    """What can be done about something that was said to a closed case."""
    match case.partition("/")[0]:
        case "month-end":
            return "start it again"
        case "correction":
            return "order another one if need be"
        case "delinquency":
            return "there is nothing to agree on any more"
        case _:
            return "re-open it first"


def _where_open(case: str) -> str:
    """Where open cases of the kind are found."""
    match case.partition("/")[0]:
        case "month-end":
            return "start it with `runbooks month-end run`"
        case "correction":
            return "see `runbooks invoice correction list`"
        case "delinquency":
            return "see `runbooks delinquency list`"
        case _:
            return "see `runbooks case list`"
