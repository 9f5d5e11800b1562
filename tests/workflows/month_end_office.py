"""An office that bills months: the real runbook, activities and books, with fakes for Stripe and the mail.

    run = await office.starts()
    await run.is_decided_by("finance-1", Verdict.APPROVE)
    assert await run.ending() is Ending.CLOSED

Roll-ups are planted by `House`, so raw usage counts as agreeing with them unless a test says otherwise.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from activities.binding import Ports
from activities.ports import Heartbeat, Wire
from activities.push_ports import DocumentToPush
from activities.reconciliation_ports import InvoicePage
from adapters.operator_keys import new_token, sign
from adapters.postgres.operators import Operator, Operators
from adapters.stripe.rates import StripeRates
from billing.authority import Role
from billing.cases import DecisionReceipt, SignedDecision, Verdict
from billing.effects import Effect
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.month_end import (
    BatchResult,
    Ending,
    Instruction,
    LeftDocument,
    Parking,
    RunOrder,
    RunStory,
    Shard,
    case_id,
    workflow_id,
)
from billing.policy.month_end import Errand, MonthEndPolicy
from billing.policy.standard import MONTH_END
from billing.reconciliation import Theirs
from billing.rollups import RollUpFinding
from tests.adapters.postgres.billing_runs.world import USUAL, House
from tests.fakes.collector import FakeCollector
from tests.fakes.invoicing import FakeInvoicing
from tests.fakes.postman import FakePostman
from tests.fakes.provider import FakeProvider
from tests.fakes.shelf import Shelf
from tests.fixtures.temporal import CaseClock, Handle
from tests.histories.keeping import keep
from worker import Vendors, ports_over, working
from workflows.month_end import MonthEnd

# Long over, whatever the day on which the tests run; the books' own clock stands on the morning after.
PERIOD, BEFORE = "2025-10", "2025-09"
MORNING_AFTER = datetime(2025, 11, 1, 6, tzinfo=UTC)
# Runs that are started by their names alone are named after their period, and one server serves every test.
MONTHS_OF_THEIR_OWN = (f"{year}-{month:02}" for year in range(2016, 2025) for month in range(2, 13))
STAFF = {
    "agent-1": Role.AGENT,
    "engineering-1": Role.ENGINEERING,
    "finance-1": Role.FINANCE,
    "finance-2": Role.FINANCE,
    "vp-1": Role.VP,
}
# Small enough that a handful of tenants fills several ranges.
SMALL = MONTH_END.model_copy(
    update={
        "shard_size": 2,
        "shards_at_once": 2,
        "documents_a_batch": 2,
        "batches_at_once": 2,
        "errands": tuple(Errand),
    }
)


class Account(FakeInvoicing):
    """The provider's side of a house: a reconciliation finds what was pushed, as it was pushed."""

    def __init__(self) -> None:
        super().__init__()
        self._planned: dict[str, DocumentToPush] = {}

    def plan(self, effect: Effect, document: DocumentToPush) -> Wire:
        self._planned[document.number] = document
        return super().plan(effect, document)

    def pages(self, period: str, after: str | None) -> Iterator[InvoicePage]:
        held = tuple(_as_held(self._planned[number]) for number in self.documents)
        if held and after is None:
            yield InvoicePage(invoices=held, held=len(held), cursor="last")


def _as_held(document: DocumentToPush) -> Theirs:
    return Theirs(
        provider_invoice_id=f"in_{document.tenant_id}_{document.number}",
        provider_customer_id=document.provider_customer_id,
        op_key=document.op_key,
        number=document.number,
        status=InvoiceStatus.OPEN,
        currency=document.currency,
        total_minor=document.total_minor,
        due_minor=document.due_minor,
        credited_minor=0,
        created_at=document.issued_at,
    )


@dataclass
class FakeRollUps:
    """Satisfies RollUps: every roll-up agrees with the events, except the days in `wrong`."""

    wrong: list[RollUpFinding] = field(default_factory=list)

    def bring_up_to_date(self, heartbeat: Heartbeat) -> int:
        return 3

    def rebuild(self, first: date, end: date, heartbeat: Heartbeat) -> int:
        return 0

    def validate(self, first: date, end: date, heartbeat: Heartbeat) -> tuple[RollUpFinding, ...]:
        return tuple(one for one in self.wrong if first <= one.day < end)


@dataclass
class FakeCourier:
    """Satisfies InvoiceCourier: remembers the numbers that were delivered, in order, and notes each in the books, since
    the run asks them what is left to do. A tenant in `undeliverable` is left, with the reason given there."""

    house: House
    delivered: list[str] = field(default_factory=list)
    undeliverable: dict[str, str] = field(default_factory=dict)

    def deliver(self, run_id: str, batch: Shard, heartbeat: Heartbeat) -> BatchResult:
        waiting = self._waiting(batch)
        left = tuple(
            LeftDocument(tenant_id=one["tenant_id"], number=one["number"], why=self.undeliverable[one["tenant_id"]])
            for one in waiting
            if one["tenant_id"] in self.undeliverable
        )
        for one in waiting:
            if one["tenant_id"] not in self.undeliverable:
                self.house.run(
                    "insert into effects (op_key, kind, case_id, tenant_id, state, request, request_sha256, provider_id) "
                    "values (:op_key, 'letter', :case_id, :tenant_id, 'confirmed', '{}', repeat('0', 64), 'fake')",
                    op_key=f"{case_id(PERIOD)}/delivery/{one['tenant_id']}",
                    case_id=case_id(PERIOD),
                    tenant_id=one["tenant_id"],
                )
                self.delivered.append(one["number"])
        return BatchResult(done=len(waiting) - len(left), left=left)

    def _waiting(self, batch: Shard) -> list[dict[str, Any]]:
        found = self.house.rows(
            "select tenant_id, invoice_id, number from invoices where run_id is not null and status <> 'draft' "
            "and tenant_id between :first and :last order by tenant_id",
            first=batch.first,
            last=batch.last,
        )
        return [one for one in found if one["number"] not in self.delivered]


@dataclass
class MonthEndOffice:
    """One house that bills; every test gets its own."""

    clock: CaseClock
    house: House
    ports: Ports
    stripe: Account
    courier: FakeCourier
    postman: FakePostman
    rollups: FakeRollUps
    tokens: dict[str, str]
    queue: str

    async def starts(self, period: str = PERIOD, by: str = "runbook", **order: Any) -> "RunInHand":
        """A run begins and is worked until it waits for something."""
        ordered = RunOrder(period=period, requested_by=by, **order)
        with self.clock.held():
            # One server serves every test, and some tests start two runs at once: ids say which this is.
            handle = await self.clock.client.start_workflow(
                MonthEnd.run,
                args=[ordered, None],
                id=f"{workflow_id(period, dry_run=ordered.dry_run)}/{uuid4().hex[:8]}",
                task_queue=self.queue,
            )
        run = RunInHand(self, handle)
        await run.rests()
        return run

    def bills(self, *tenants: str, calls: int = 1_000, period: str = PERIOD) -> None:
        """Tenants with a contract and a month of usage: 119.00 for the fee with tax, 5.95 for a thousand calls."""
        for tenant_id in tenants:
            self.house.tenant(tenant_id, terms=None)
            self.house.contract(tenant_id, USUAL, starts="2015-01-01T00:00+01:00")
            self.house.used(tenant_id, calls, day=f"{period}-05")

    def printed(self) -> list[str]:
        """The numbers of the documents that were printed."""
        return [str(number) for number in self.house.column("select number from invoice_documents order by number")]

    def letters(self, template: str) -> list[str]:
        """To whom letters of a kind went, in order."""
        sent = [delivered.letter for delivered in self.postman.mailbox]
        return [letter.to.email for letter in sent if letter.payload.template == template]


@dataclass
class RunInHand:
    """One run under the test's hand."""

    office: MonthEndOffice
    handle: Handle

    async def rests(self) -> None:
        await self.office.clock.settled(self.handle)

    async def hours(self, hours: float) -> None:
        await self.office.clock.advance(self.handle, timedelta(hours=hours))

    async def story(self) -> RunStory:
        story: RunStory = await self.handle.query(MonthEnd.story)
        return story

    async def told(self) -> list[str]:
        return [line.text for line in (await self.story()).timeline]

    async def does(self, update: Any, by: str = "finance-1", reason: str = "as agreed") -> Any:
        answer = await self.handle.execute_update(update, Instruction(by=by, reason=reason))
        await self.rests()
        return answer

    async def parks(self, tenant_id: str, by: str = "finance-1") -> str:
        parking = Parking(tenant_id=tenant_id, reason="looks wrong to us", by=by)
        park: Any = MonthEnd.park
        answer: str = await self.handle.execute_update(park, parking)
        await self.rests()
        return answer

    async def is_decided_by(self, person: str, verdict: Verdict, **forged: Any) -> DecisionReceipt:
        """The operator signs an answer to the open question; `forged` changes it after signing."""
        pending = (await self.story()).approval
        assert pending is not None, "nothing waits for approval"
        decision = SignedDecision(
            approval_id=pending.approval_id,
            request_sha256=pending.request_sha256,
            verdict=verdict,
            operator_id=person,
            decided_at=datetime.now(UTC),
        )
        signed = sign(decision, self.office.tokens[person]).model_copy(update=forged)
        decide: Any = MonthEnd.decide
        receipt: DecisionReceipt = await self.handle.execute_update(decide, signed)
        await self.rests()
        return receipt

    async def ending(self) -> Ending:
        ending = Ending(await self.handle.result())
        keep("month_end", ending.name.lower(), await self.handle.fetch_history())
        return ending


@asynccontextmanager
async def a_billing_office(
    engine: Engine, clock: CaseClock, evidence: Path, policy: MonthEndPolicy = SMALL, **replaced: Any
) -> AsyncIterator[MonthEndOffice]:
    """Found the house and open the office; `replaced` swaps ports."""
    house = House(engine, policy)
    tokens = {operator_id: _hired(engine, operator_id, role) for operator_id, role in STAFF.items()}
    stripe, courier, postman, rollups = Account(), FakeCourier(house), FakePostman(), FakeRollUps()
    vendors = Vendors(provider=FakeProvider(), invoicing=stripe, collector=FakeCollector(), postman=postman)
    fakes: dict[str, Any] = {
        "policies": Shelf(engine, policy),
        "rollups": rollups,
        "courier": courier,
        "now": lambda: MORNING_AFTER,
    }
    ports = replace(ports_over(engine, evidence, vendors), **fakes | replaced)
    queue = f"billing-{uuid4().hex[:8]}"
    async with working(clock.client, queue, ports, rates=StripeRates(10_000)):
        yield MonthEndOffice(clock, house, ports, stripe, courier, postman, rollups, tokens, queue)


def _hired(engine: Engine, operator_id: str, role: Role) -> str:
    token, public_key = new_token(operator_id)
    Operators(engine).add(
        Operator(
            operator_id=operator_id,
            name=operator_id,
            email=f"{operator_id}@ops.example",
            role=role,
            public_key=public_key,
            active=True,
        )
    )
    return token


class Failing:
    """A port of which one method fails for good, so often."""

    def __init__(self, port: Any, method: str, why: str, times: int = 1) -> None:
        self._port, self._method, self._why, self.left = port, method, why, times

    def __getattr__(self, name: str) -> Any:
        if name == self._method and self.left:
            self.left -= 1
            return self._fail
        return getattr(self._port, name)

    def _fail(self, *given: Any) -> Any:
        raise BillingFailure(FailureCode.INVALID, self._why)
