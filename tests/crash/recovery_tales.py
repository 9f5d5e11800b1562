"""The tales in which every activity of payment recovery occurs: how each begins, what people do in it, and how it ends.

People act as soon as they can, and what they do never depends on whether a worker lives.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import insert
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from adapters.operator_keys import sign
from adapters.postgres.partitions import make_months
from adapters.postgres.tables import rollup_dirty, usage_events
from billing.arrangements import Arrangement
from billing.cases import PendingApproval, SignedDecision, Verdict
from billing.money import Money
from billing.overage import CapOrder
from billing.payment_collection import COLLECTION, CollectionOrder
from billing.provider_events import CASE_ID, Totals
from billing.recovery import ArrangementOrder, DelinquencyOrder
from billing.retention import WORD, Confirmation, PurgeOrder
from billing.rungs import Rung
from billing.tenants import Tier
from billing.usage_limits import LimitsOrder
from tests.crash.company import Company, looking
from tests.crash.impatience import TASK_TIMEOUT
from tests.crash.plan import Tale
from tests.crash.recovery_house import PATIENT, STEEP, Debtor, House
from tests.workflows.world import METER
from workflows.delinquency import Delinquency
from workflows.payment_collection import PaymentCollection
from workflows.provider_events import StripeEvents
from workflows.provider_events_sweep import StripeEventsSweep
from workflows.retention import RetentionPurge
from workflows.usage_limits import UsageLimitsCheck

Handle = WorkflowHandle[Any, Any]
PLAN = 120_00


@dataclass(frozen=True)
class Expected:
    """What must be there in the end. `paid` are the charges that took money by invoice, `limits` the orders on the service
    in their order, `endings` those of every runbook that took part."""

    endings: tuple[str, ...]
    letters: Counter[str]
    paid: dict[str, int] = field(default_factory=dict)
    declined: dict[str, range] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    service: str = "none"


@dataclass
class Telling:
    """One tale that is being told to one company."""

    company: Company
    house: House
    tenant_id: str
    handles: list[Handle] = field(default_factory=list)

    @property
    def invoice(self) -> str:
        return f"inv-{self.tenant_id}"

    @property
    def plan(self) -> str:
        return f"inv-{self.tenant_id}-plan"

    @property
    def case(self) -> Handle:
        return self.company.ground.temporal.get_workflow_handle(
            DelinquencyOrder(tenant_id=self.tenant_id).workflow_id, result_type=str
        )

    async def begins(self, runbook: Any, *about: Any, case_id: str) -> Handle:
        """A runbook begins whose result is its ending."""
        handle: Handle = await self.company.ground.temporal.start_workflow(
            runbook,
            args=about,
            id=case_id,
            task_queue=self.company.surroundings.queue,
            task_timeout=TASK_TIMEOUT,
            result_type=str,
        )
        return handle

    async def recovery_begins(self) -> Handle:
        handle = await self.begins(Delinquency.run, order := DelinquencyOrder(tenant_id=self.tenant_id),
                                   case_id=order.workflow_id)  # fmt: skip
        self.handles.append(handle)
        return handle

    async def chases_end(self) -> None:
        """Return once nobody collects any invoice any more, which the case does not wait for."""
        for invoice in (self.invoice, self.plan):
            chase = self.company.ground.temporal.get_workflow_handle(f"payment-retry/{invoice}/1")
            with suppress(RPCError):  # there is none
                await chase.result()

    async def asks(self, handle: Handle, query: Any) -> Any:
        """What a runbook says of itself; None while nobody is there to answer."""
        with suppress(RPCError):
            return await handle.query(query, rpc_timeout=timedelta(seconds=2))
        return None

    async def comes_to(self, handle: Handle, query: Any, wanted: Callable[[Any], Any]) -> Any:
        """Return what is wanted of a runbook's story as soon as it is there."""
        async for _ in looking():
            story = await self.asks(handle, query)
            if story is not None and (found := wanted(story)):
                return found
        return None

    async def is_told(self, handle: Handle, update: Any, message: Any, update_id: str) -> Any:
        """Tell a runbook something, again under the same id while it has lost one worker after the other."""
        async for _ in looking():
            try:
                return await handle.execute_update(update, message, id=update_id)
            except RPCError as refusal:
                if refusal.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
        return None

    async def is_decided(self, handle: Handle, runbook: Any, person: str) -> None:
        """The open question is answered with yes, signed by the person."""
        asked: PendingApproval = await self.comes_to(handle, runbook.story, lambda story: story.approval)
        decision = SignedDecision(
            approval_id=asked.approval_id,
            request_sha256=asked.request_sha256,
            verdict=Verdict.APPROVE,
            operator_id=person,
            decided_at=datetime.now(UTC),
        )
        signed = sign(decision, self.company.world.tokens[person])
        receipt = await self.is_told(handle, runbook.decide, signed, f"decision/{asked.approval_id}")
        assert receipt.accepted, receipt.message

    async def arranged(self, kind: Arrangement, **terms: Any) -> str:
        """An agent agrees on something with the customer."""
        order = ArrangementOrder(kind=kind, by="agent-1", reason="They asked for it by telephone.", **terms)
        answer: str = await self.is_told(self.case, Delinquency.arrange, order, f"arrange/{kind}")
        return answer

    async def debtor(self, *about: Any, **more: Any) -> Debtor:
        return await asyncio.to_thread(self.house.debtor, self.tenant_id, *about, **more)


async def way_back(told: Telling) -> Expected:
    """All the way down the ladder; then the plan is paid elsewhere, and a new card pays the rest."""
    debtor = await told.debtor(STEEP, plan=PLAN)
    case = await told.recovery_begins()
    await told.comes_to(case, Delinquency.story, lambda story: story.rung == Rung.AWAITING_DELETION)
    news = await asyncio.to_thread(told.house.pays_elsewhere, debtor, told.plan)
    await case.signal(Delinquency.heard, news)
    await told.comes_to(case, Delinquency.story, lambda story: story.rung == Rung.BLOCKED and story.service
                        and story.service.restriction == "new_requests_blocked")  # fmt: skip
    await case.signal(Delinquency.heard, await asyncio.to_thread(told.house.brings_good_card, debtor))
    return Expected(
        endings=("recovered",),
        letters=Counter(
            payment_failed=1, final_warning=1, payment_reminder=1, service_limited=1, service_blocked=1,
            service_suspended=1, deletion_notice=2, service_eased=1,
            service_restored=1,
        ),
        paid={told.invoice: 310_00},
        declined={told.invoice: range(4, 5), told.plan: range(4, 5)},
        limits=(
            "rate_limited", "new_requests_blocked", "suspended", "suspended", "new_requests_blocked", "none",
        ),
    )  # fmt: skip


async def everything_is_arranged(told: Telling) -> Expected:
    """An enterprise whose account manager calls: more grace, a promise, and money that came another way."""
    await told.debtor(PATIENT, tier=Tier.ENTERPRISE)
    case = await told.recovery_begins()
    await told.comes_to(
        case, Delinquency.story, lambda story: any("account manager" in line.text for line in story.timeline)
    )
    await told.arranged(Arrangement.EXTENSION, days=10)
    await told.is_decided(case, Delinquency, "vp-1")
    await told.comes_to(case, Delinquency.story, lambda story: any("longer" in words for words in story.arranged))
    await told.arranged(Arrangement.PROMISE, until=datetime.now(UTC).date() + timedelta(days=1))
    await told.comes_to(case, Delinquency.story, lambda story: any("broken" in line.text for line in story.timeline))
    await told.arranged(Arrangement.MANUAL_PAYMENT, invoice=told.invoice, amount=Money.of("310.00", "USD"))
    await told.is_decided(case, Delinquency, "finance-1")
    return Expected(
        endings=("recovered",),
        letters=Counter(payment_failed=1, account_manager_task=2, promise_noted=1, approval_requested=2),
        declined={told.invoice: range(1, 5)},
    )


async def purged(told: Telling) -> Expected:
    """Given up by recovery, then deleted by two people; the case sees that there is no way back."""
    await told.debtor(STEEP, plan=PLAN, usage=False)
    case = await told.recovery_begins()
    await told.comes_to(case, Delinquency.story, lambda story: story.rung == Rung.AWAITING_DELETION)
    order = PurgeOrder(plan_id=f"2026-11-23-{uuid4().hex[:8]}", requested_by="runbook")
    purge = await told.begins(RetentionPurge.run, order, case_id=order.case_id)
    told.handles.append(purge)
    sha256 = await told.comes_to(purge, RetentionPurge.story, lambda story: story.confirm_by and story.plan.sha256)
    confirmation = Confirmation(by="finance-1", plan_sha256=sha256, word=WORD)
    await told.is_told(purge, RetentionPurge.confirm, confirmation, "confirmation")
    await told.is_decided(purge, RetentionPurge, "vp-1")
    return Expected(
        endings=("handed to the retention purge", "deleted"),
        letters=Counter(
            payment_failed=1, final_warning=1, payment_reminder=1, service_limited=1, service_blocked=1,
            service_suspended=1, deletion_notice=2, retention_notice=3,
        ),
        declined={told.plan: range(4, 5)},
        limits=("rate_limited", "new_requests_blocked", "suspended", "suspended", "deleted"),
        service="deleted",
    )  # fmt: skip


async def heard_of(told: Telling) -> Expected:
    """The daily collection charges in vain; the event of a new card is found by the sweep, and the card pays."""
    debtor = await told.debtor(PATIENT, charged=False)
    now, name = datetime.now(UTC), told.company.name
    told.handles.append(
        await told.begins(PaymentCollection.run, CollectionOrder(), case_id=f"{COLLECTION}-{name}-{now:%H%M%S}")
    )
    await told.comes_to(
        told.case, Delinquency.story, lambda story: any("attempt 4" in line.text for line in story.timeline)
    )
    await asyncio.to_thread(told.house.brings_good_card, debtor)
    feed = await told.begins(StripeEvents.run, Totals(), case_id=f"{CASE_ID}-{name}")
    # Swept again after a death it finds nothing new, so how it ends says nothing.
    await (await told.begins(StripeEventsSweep.run, case_id=f"stripe-events-sweep-{name}")).result()
    await feed.signal(StripeEvents.poke)
    told.handles.append(told.case)
    await told.case.result()
    for one in (feed, told.company.ground.temporal.get_workflow_handle(CASE_ID)):
        with suppress(RPCError):
            if (await one.describe()).task_queue == told.company.surroundings.queue:
                await one.terminate()
    return Expected(
        endings=("collected", "recovered"),
        letters=Counter(payment_failed=1),
        paid={told.invoice: 310_00},
        declined={told.invoice: range(4, 5)},
    )


async def capped(told: Telling) -> Expected:
    """More was used today than the cap allows: blocked, and told."""
    await asyncio.to_thread(told.company.world.tenant, told.tenant_id)
    await asyncio.to_thread(_uses_too_much, told)
    told.handles.append(
        await told.begins(UsageLimitsCheck.run, LimitsOrder(), case_id=f"usage-limits/{told.company.name}")
    )
    return Expected(
        endings=("usage was held against its caps",),
        letters=Counter(overage_alert=1, usage_spike=1),
        limits=("new_requests_blocked",),
        service="new_requests_blocked",
    )


def _uses_too_much(told: Telling) -> None:
    now = datetime.now(UTC)
    order = CapOrder(tenant_id=told.tenant_id, meter=METER, cap=Decimal(100), reason="As agreed.", by="lead-1")
    told.house.ports.usage_register.cap(order, now)
    at = {"tenant_id": told.tenant_id, "meter": METER}
    used = {"event_id": uuid4(), "event_time": now, "quantity": Decimal(200), "route": "/v1/calls"}
    with told.company.engine.begin() as connection:
        make_months(connection, now.date().replace(day=1), now.date())
        connection.execute(insert(usage_events).values(at | used | {"trace_id": uuid4(), "api_key_id": "key-1"}))
        days: list[date] = [(now - timedelta(days=1)).date(), now.date()]
        connection.execute(insert(rollup_dirty), [at | {"day": day} for day in days])


TALES = {
    Tale.WAY_BACK: way_back,
    Tale.ARRANGED: everything_is_arranged,
    Tale.PURGED: purged,
    Tale.HEARD: heard_of,
    Tale.CAPPED: capped,
}
