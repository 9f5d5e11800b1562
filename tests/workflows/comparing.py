"""A company whose books are compared with a provider's: real runbook and activities on a real Postgres, fakes outside.

desk.sides.both("acme")
case = await desk.compares()
assert await case.ending() is Ending.AGREED
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from billing.reconciliation import Theirs
from billing.reconciling import DuplicatesDecision, Ending, ReconciliationOrder, ReconciliationStory
from tests.adapters.postgres.both_sides import BothSides
from tests.fakes.invoicing import FakeInvoicing
from tests.fixtures.temporal import CaseClock
from tests.workflows.desk import Desk, InHand, opened
from workflows.reconciliation import Reconciliation


@dataclass
class ComparingDesk(Desk):
    """One company; `sides` is filled before a reconciliation begins."""

    sides: BothSides = field(init=False)

    def __post_init__(self) -> None:
        self.sides = BothSides(self.world.engine)

    def is_ready(self) -> None:
        """Write our side down, and let the provider list the other."""
        self.sides.write_ours()
        self.invoicing.listed = list(self.sides.theirs)

    async def compares(self, **changes: Any) -> ReconciliationInHand:
        """Write down both sides and compare them, until it waits or has ended."""
        self.is_ready()
        plain = {"period": self.sides.period, "occasion": f"t-{uuid4().hex[:8]}", "requested_by": "finance-1"}
        order = ReconciliationOrder.model_validate(plain | changes)
        handle = await self.begins(Reconciliation.run, order, order.case_id)
        case = ReconciliationInHand(self.clock, handle, order)
        await case.rests()
        return case


@dataclass
class ReconciliationInHand(InHand):
    """One reconciliation under the test's hand."""

    order: ReconciliationOrder

    async def story(self) -> ReconciliationStory:
        return await self.handle.query(Reconciliation.story)

    async def does(self, update: Any, by: str, reason: str = "Made twice on 3 November.") -> str:
        answer: str = await self.sends(update, DuplicatesDecision(by=by, reason=reason))
        return answer

    async def ending(self) -> Ending:
        return await self.ended("reconciliation", Ending)


@asynccontextmanager
async def a_comparing_desk(
    engine: Engine, clock: CaseClock, files: Path, provider: FakeInvoicing | None = None
) -> AsyncIterator[ComparingDesk]:
    """Found the company; `provider` replaces the fake of Stripe's invoices."""
    async with opened(ComparingDesk, engine, clock, files, provider) as desk:
        yield desk


def copied(one: Theirs, name: str, **changes: Any) -> Theirs:
    """The same invoice once more, under another id."""
    return replace(one, provider_invoice_id=name, **changes)
