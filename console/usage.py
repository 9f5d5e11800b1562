"""Usage events over HTTP, in batches, from collectors that hold a token for nothing else."""

import asyncio
import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from adapters.postgres.usage_desk import UsageDesk
from adapters.usage_files.json_lines import read_json
from billing.policy.standard import USAGE_INTAKE
from billing.usage import BatchReport
from console.desk import AtDesk
from console.errors import FieldError, Refusal
from starters.flaws import shown

router = APIRouter(tags=["usage"])

# About 300 bytes each, within what a body may have.
EVENTS_MAX = 500
BY = "usage token"

_bearer = HTTPBearer(auto_error=False, description="a usage token, as RUNBOOKS_USAGE_TOKEN holds it")


class SentEvent(BaseModel):
    """One use of one meter. `event_id` makes it countable once: choose it when the event happens, not when it is sent."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "event_id": "0199f3a2-6c1e-7d2b-9a55-3f1c2e4d5b6a",
                "tenant_id": "tarnwick",
                "event_time": "2026-11-20T14:03:07.250Z",
                "meter": "tokens_in",
                "quantity": "1204.5",
                "route": "/v1/embeddings",
                "trace_id": "5b0f5a0e-2f0b-4e7e-8c57-1f2d3c4b5a69",
                "api_key_id": "key-prod-1",
                "model": "embed-2",
            }
        }
    )

    event_id: str = Field(description="a UUID")
    tenant_id: str
    event_time: str = Field(description="when it happened, with its zone")
    meter: str
    quantity: str | float = Field(description="not negative, at most 6 decimals; as text or as a number")
    route: str
    trace_id: str = Field(description="the UUID of the request it belongs to")
    api_key_id: str
    tool: str | None = None
    model: str | None = None


class Events(BaseModel):
    """The events of one request. What is wrong with one of them is told in the answer and keeps no other out."""

    events: list[SentEvent] = Field(min_length=1, max_length=EVENTS_MAX)


def _collector(desk: AtDesk, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
    """Compared with every token in constant time; how long it takes tells nothing."""
    sent = given.credentials.encode() if given else b""
    if not sum(hmac.compare_digest(sent, token.encode()) for token in desk.settings.usage_tokens):
        raise Refusal(
            401,
            "not_signed_in",
            "send the header Authorization: Bearer <usage token>",
            headers={"WWW-Authenticate": "Bearer"},
        )


@router.post(
    "/usage/events",
    response_model=BatchReport,
    dependencies=[Depends(_collector)],
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Events.model_json_schema()}}}
    },
)
async def events(request: Request, desk: AtDesk) -> BatchReport:
    """Store events, each once by its id: sending the same again is safe, and right after an answer that never came.

    The answer is 200 also when some were `refused`: those wait in quarantine with their place in the request, their field
    and the reason, and the others are stored.
    """
    sent = _read(await request.body())
    intake = UsageDesk.over(desk.books.engine, USAGE_INTAKE, desk.now).intake
    report = await asyncio.to_thread(intake.take, sent, BY)
    outcomes = {"stored": report.stored, "late": report.late, "known": report.known, "refused": len(report.refused)}
    for outcome, count in outcomes.items():
        desk.metrics.usage.labels(outcome).inc(count)
    return report


def _read(body: bytes) -> list[Any]:
    """The events as they were written: quantities never become floats on their way."""
    try:
        content = read_json(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "malformed_json", "the body is not JSON") from None
    sent = content.get("events") if isinstance(content, dict) else None
    if not isinstance(sent, list) or not 1 <= len(sent) <= EVENTS_MAX or len(content) > 1:
        why = f'send {{"events": [...]}} with 1 to {EVENTS_MAX} events and nothing beside them'
        value = f"{len(sent)} events" if isinstance(sent, list) else shown(sent)
        raise Refusal(
            422,
            "invalid",
            "some fields cannot be accepted",
            fields=[FieldError(field="events", value=value, message=why)],
        )
    return sent
