"""A company that deletes what is past its time: real runbook and activities on a real Postgres, with a fake of the mail.

desk.waits("acme")
case = await desk.purges()
await case.is_confirmed_by("finance-1")
await case.is_decided_by("vp-1")
assert await case.ending() is Ending.DELETED
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, text

from activities.ports import Heartbeat
from adapters.document_files import DocumentFiles
from adapters.postgres.holds import PostgresHolds
from adapters.postgres.retention.candidates import DeletionCandidates
from adapters.postgres.retention.purge import PostgresRetention
from billing.cases import DecisionReceipt, Verdict
from billing.failures import BillingFailure
from billing.holds import HeldEffect, HoldOrder
from billing.retention import WORD, Confirmation, Ending, PlanOnRecord, Progress, PurgeOrder, PurgeStory
from tests.fixtures.temporal import CaseClock
from tests.workflows.desk import Desk, InHand, opened
from workflows.retention import RetentionPurge


class Interrupted(PostgresRetention):
    """A book that does something first, or fails, when a plan is to be carried out."""

    first: HoldOrder | BillingFailure | None = None

    def carry_out(self, plan_id: str, batch: int, batches: int, heartbeat: Heartbeat) -> Progress:
        match self.first:
            case HoldOrder() as order:
                PostgresHolds(self._engine).place(order, datetime.now(UTC))
            case BillingFailure() as failure:
                self.first = None
                raise failure
        return super().carry_out(plan_id, batch, batches, heartbeat)


@dataclass
class PurgingDesk(Desk):
    """One company; acme and bolt have a month of usage and an invoice."""

    def waits(self, tenant_id: str) -> None:
        """Recovery gave the customer up yesterday."""
        since = datetime.now(UTC) - timedelta(days=1)
        DeletionCandidates(self.world.engine).await_deletion(tenant_id, since, f"delinquency/{tenant_id}/1")

    def happens(self, statement: str) -> None:
        """Something changes in the database."""
        with self.world.engine.begin() as connection:
            connection.execute(text(statement))

    def rows(self, table: str, tenant_id: str) -> int:
        with self.world.engine.connect() as connection:
            counted = connection.execute(
                text(f"select count(*) from {table} where tenant_id = :t"),  # noqa: S608
                {"t": tenant_id},
            )
            return int(counted.scalar_one())

    def named(self, tenant_id: str) -> str:
        tenant = self.ports.tenants.find(tenant_id)
        assert tenant is not None
        return tenant.name

    async def purges(self) -> PurgeInHand:
        """A plan is made; it waits to be confirmed, or has ended."""
        order = PurgeOrder(plan_id=f"2026-11-23-{uuid4().hex[:8]}", requested_by="runbook")
        case = PurgeInHand(self.clock, await self.begins(RetentionPurge.run, order, order.case_id), self, order)
        await case.rests()
        return case


@dataclass
class PurgeInHand(InHand):
    """One purge under the test's hand."""

    desk: PurgingDesk
    order: PurgeOrder

    async def story(self) -> PurgeStory:
        return await self.handle.query(RetentionPurge.story)

    def planned(self) -> PlanOnRecord:
        planned = self.desk.ports.retention.find(self.order.plan_id)
        assert planned is not None
        return planned

    async def is_confirmed_by(self, person: str, **changes: Any) -> str:
        plain = {"by": person, "plan_sha256": self.planned().sha256, "word": WORD}
        answer: str = await self.sends(RetentionPurge.confirm, Confirmation.model_validate(plain | changes))
        return answer

    async def is_decided_by(self, person: str, verdict: Verdict = Verdict.APPROVE) -> DecisionReceipt:
        signed = self.desk.signed_by(person, await self.question(), verdict)
        receipt: DecisionReceipt = await self.sends(RetentionPurge.decide, signed)
        return receipt

    async def ending(self) -> Ending:
        return await self.ended("retention", Ending)


@asynccontextmanager
async def a_purging_desk(
    engine: Engine, clock: CaseClock, files: Path, first: HoldOrder | BillingFailure | None = None
) -> AsyncIterator[PurgingDesk]:
    """Found the company; `first` comes in between when a plan is to be carried out."""
    book = Interrupted(engine, files, DocumentFiles(files / "documents"))
    book.first = first
    async with opened(PurgingDesk, engine, clock, files, retention=book) as desk:
        for tenant_id in ("acme", "bolt"):
            desk.world.tenant(tenant_id)
        yield desk


def legal_hold(tenant_id: str) -> HoldOrder:
    return HoldOrder(effect=HeldEffect.DELETION, tenant_id=tenant_id, reason="a court asked", by="lead-1")
