"""What the desks of the tests share: real runbooks and activities on a real Postgres with fakes for Stripe and the mail, a
case under the test's hand, and answers that the staff sign."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import Engine
from temporalio.api.sdk.v1 import WorkflowMetadata

from activities.binding import Ports
from adapters.operator_keys import sign
from adapters.stripe.rates import StripeRates
from billing.cases import PendingApproval, SignedDecision, Verdict
from tests.fakes.collector import FakeCollector
from tests.fakes.invoicing import FakeInvoicing
from tests.fakes.postman import FakePostman
from tests.fakes.provider import FakeProvider
from tests.fixtures.temporal import STANDSTILL_SECONDS, CaseClock, Handle
from tests.histories.keeping import keep
from tests.workflows.world import World
from worker import Vendors, ports_over, working
from workflows.blocks.attributes import ALL as SEARCH_ATTRIBUTES

E = TypeVar("E", bound=StrEnum)
D = TypeVar("D", bound="Desk")


@dataclass
class Desk:
    """A founded company with its runbooks at work on `queue`; every test gets its own."""

    clock: CaseClock
    world: World
    ports: Ports
    provider: FakeProvider
    invoicing: FakeInvoicing
    postman: FakePostman
    queue: str

    async def begins(self, runbook: Any, order: Any, case_id: str) -> Handle:
        """A case begins, while time stands still."""
        with self.clock.held():
            handle: Handle = await self.clock.client.start_workflow(runbook, order, id=case_id, task_queue=self.queue)
        return handle

    def told(self, template: str) -> dict[str, Any]:
        """What was written last, by reader."""
        return {
            sent.letter.to.email.partition("@")[0]: sent.letter.payload
            for sent in self.postman.mailbox
            if sent.letter.payload.template == template
        }

    def signed_by(self, person: str, pending: PendingApproval, verdict: Verdict, reason: str = "") -> SignedDecision:
        """What the operator's own token makes of an answer to a question."""
        decision = SignedDecision(
            approval_id=pending.approval_id,
            request_sha256=pending.request_sha256,
            verdict=verdict,
            operator_id=person,
            reason=reason,
            decided_at=datetime.now(UTC),
        )
        return sign(decision, self.world.tokens[person])


@asynccontextmanager
async def opened(
    kind: type[D],
    engine: Engine,
    clock: CaseClock,
    files: Path,
    fake: FakeInvoicing | None = None,
    /,
    **replaced: Any,
) -> AsyncIterator[D]:
    """Found the company and open its desk; `fake` replaces that of Stripe's invoices, `replaced` swaps ports."""
    world = World(engine)
    world.found()
    provider, invoicing, postman = FakeProvider(), fake or FakeInvoicing(), FakePostman()
    vendors = Vendors(provider=provider, invoicing=invoicing, collector=FakeCollector(), postman=postman)
    ports = replace(ports_over(engine, files, vendors), **replaced)
    queue = f"{kind.__name__.lower()}-{uuid4().hex[:8]}"
    async with working(clock.client, queue, ports, rates=StripeRates(10_000)):
        yield kind(clock, world, ports, provider, invoicing, postman, queue)


@dataclass
class InHand:
    """One case under the test's hand."""

    clock: CaseClock
    handle: Handle

    async def rests(self) -> None:
        """Return once it waits for time or people, or has ended."""
        await self.clock.settled(self.handle)

    async def hours(self, hours: float) -> None:
        await self.clock.advance(self.handle, timedelta(hours=hours))

    async def days(self, days: float) -> None:
        await self.hours(days * 24)

    async def story(self) -> Any:
        """What the runbook's own query says."""
        raise NotImplementedError

    async def timeline(self) -> list[str]:
        """Each sentence of its story."""
        return [line.text for line in (await self.story()).timeline]

    async def details(self) -> str:
        """What the Temporal UI shows of it, in Markdown."""
        metadata = await self.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return str(metadata.current_details)

    async def labels(self) -> dict[str, Any]:
        """Our search attributes by name, by which lists are asked for; the server has others."""
        pairs = (await self.handle.describe()).typed_search_attributes.search_attributes
        return {pair.key.name: pair.value for pair in pairs if pair.key.name in SEARCH_ATTRIBUTES}

    async def sends(self, update: Any, message: Any) -> Any:
        """An update, and what the case makes of it until it rests."""
        answer = await self.handle.execute_update(update, message)
        await self.rests()
        return answer

    async def question(self) -> PendingApproval:
        """The open one."""
        pending: PendingApproval | None = (await self.story()).approval
        assert pending is not None, "nothing waits for approval"
        return pending

    async def ended(self, runbook: str, endings: type[E]) -> E:
        """How it ended; the history is kept for replays. Raises TimeoutError for one that goes on."""
        async with asyncio.timeout(STANDSTILL_SECONDS):
            ending = endings(await self.handle.result())
        keep(runbook, ending.name.lower(), await self.handle.fetch_history())
        return ending
