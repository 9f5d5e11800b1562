"""A desk to speak to cases from: a Temporal server with a stand-in dispute, books with a customer, and operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import SecretStr
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.postgres.books import Books
from billing.cases import CaseStory
from billing.disputes import Ticket, case_id
from sandbox.ports import free_port
from settings import Settings
from starters import disputes
from tests.starters.stand_in import StandIn
from tests.workflows.world import METER, PERIOD, World

SECRET = "ticket-secret"
STRIPE_SECRET = "whsec_of_the_desk"
NOBODY_LISTENS = f"127.0.0.1:{free_port()}"


def plain_ticket(**changes: Any) -> dict[str, Any]:
    """A ticket as JSON: one that the books accept unless something is changed."""
    plain: dict[str, Any] = {
        "ticket_id": f"T-{uuid4().hex[:12]}",
        "tenant_id": "acme",
        "period": PERIOD,
        "meters": [METER],
        "category": "usage_calculation",
        "claimed_amount": "262.00",
        "billed_amount": "310.00",
        "currency": "USD",
        "requester": {"name": "Accounts", "email": "accounts@acme.example"},
        "opened_at": datetime.now(UTC).isoformat(),
    }
    return plain | changes


def ticket(**changes: Any) -> Ticket:
    return Ticket.model_validate(plain_ticket(**changes))


@dataclass(frozen=True)
class CaseDesk:
    """Where a test speaks to cases from; `tokens` by operator id."""

    client: Client
    books: Books
    settings: Settings
    tokens: dict[str, str] = field(default_factory=dict)

    async def timeline(self, ticket_id: str) -> list[str]:
        """What the case of a ticket was told, in order."""
        return [line.text for line in (await self.story(ticket_id)).timeline]

    async def story(self, ticket_id: str) -> CaseStory:
        return await disputes.story(self.client, case_id(ticket_id))


@asynccontextmanager
async def a_desk(client: Client, books: Books, world: World) -> AsyncIterator[CaseDesk]:
    """A worker with stand-in disputes for the length of the block."""
    queue = f"desk-{uuid4().hex[:8]}"
    settings = Settings(
        temporal_address=client.service_client.config.target_host,
        task_queue=queue,
        ticket_webhook_secret=SecretStr(f"{SECRET},older-{SECRET}"),
        zendesk_webhook_secret=SecretStr("zendesk-secret"),
        stripe_webhook_secret=SecretStr(STRIPE_SECRET),
    )
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue=queue, workflows=[StandIn], workflow_runner=runner):
        yield CaseDesk(client, books, settings, world.tokens)
