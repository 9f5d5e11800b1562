"""The hourly check of usage: who is limited, who is released, and who hears of it, on real books with a fake mail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from adapters.postgres.holds import PostgresHolds
from adapters.postgres.partitions import make_months
from adapters.postgres.tenants import Tenants
from billing.access import AccessStanding
from billing.contracts import Contract, Terms
from billing.failures import BillingFailure, FailureCode
from billing.holds import HeldEffect, HoldOrder
from billing.overage import CapOrder
from billing.prices import MeterPrice, PriceTier
from billing.usage_limits import Ending, LimitsOrder, LimitsStory
from tests.adapters.postgres.usage_intake.collector import Collector, event
from tests.fakes.collector import FakeCollector
from tests.fakes.invoicing import FakeInvoicing
from tests.fakes.postman import FakePostman
from tests.fakes.provider import FakeProvider
from tests.histories.keeping import keep
from tests.workflows.world import World
from worker import Vendors, ports_over, working
from workflows.usage_limits import UsageLimitsCheck

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
INCLUDED = Decimal(100)


@dataclass
class Wheel:
    """The clock of the activities, which a test turns."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Office:
    """One company whose usage is checked."""

    client: Client
    collector: Collector
    postman: FakePostman
    queue: str
    ports: Any
    wheel: Wheel
    numbers: int = 0
    read: int = field(default=0)

    def customer(self, tenant_id: str, tier: str) -> None:
        """A customer in UTC with 100 calls included, each month."""
        self.collector.tenant(tenant_id)
        self.runs(f"update tenants set tier = '{tier}' where tenant_id = '{tenant_id}'")  # noqa: S608 - names of ours
        price = MeterPrice(meter="api_calls", included=INCLUDED, tiers=(PriceTier(unit_amount=Decimal(1)),))
        contract = Contract(
            contract_id=f"C-{tenant_id}",
            tenant_id=tenant_id,
            starts=datetime(2026, 1, 1, tzinfo=UTC),
            terms=Terms(currency="USD", prices=(price,)),
        )
        Tenants(self.collector.engine).agree(contract)

    def uses(self, tenant_id: str, quantity: int | str) -> None:
        self.numbers += 1
        at = f"{self.wheel.now - timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"
        self.collector.now = self.wheel.now
        told = self.collector.sends(event(self.numbers, tenant_id=tenant_id, quantity=str(quantity), event_time=at))
        assert told.stored == 1

    async def checks(self) -> tuple[Ending, LimitsStory]:
        handle = await self.client.start_workflow(
            UsageLimitsCheck.run, LimitsOrder(), id=f"usage-limits/{uuid4().hex[:8]}", task_queue=self.queue
        )
        ending = Ending(await handle.result())
        keep("usage_limits", ending.name.lower(), await handle.fetch_history())
        return ending, await handle.query(UsageLimitsCheck.story)

    def service(self, tenant_id: str) -> str:
        standing: AccessStanding = self.ports.restrictions.standing(tenant_id)
        return standing.in_words()

    def news(self) -> list[str]:
        """Reader and subject of every letter since the last time."""
        letters = [delivered.letter for delivered in self.postman.mailbox][self.read :]
        self.read += len(letters)
        return sorted(f"{one.to.email.partition('@')[2]}: {_told(one.payload)}" for one in letters)

    def runs(self, statement: str) -> None:
        with self.collector.engine.begin() as connection:
            connection.execute(text(statement))


def _told(payload: Any) -> str:
    return f"{payload.template} {getattr(payload, 'percent', '') or getattr(payload, 'why', '')}".strip()


Opens = Callable[..., Any]


@pytest.fixture
def opens(temporal_environment: WorkflowEnvironment, engine: Engine, tmp_path: Path) -> Opens:
    @asynccontextmanager
    async def open_office(**replaced: Any) -> AsyncIterator[Office]:
        World(engine).found()
        with engine.begin() as connection:
            connection.execute(text("delete from meters"))
            make_months(connection, date(2026, 8, 1), date(2027, 2, 1))
        postman, queue, wheel = FakePostman(), f"limits-{uuid4().hex[:8]}", Wheel()
        vendors = Vendors(
            provider=FakeProvider(), invoicing=FakeInvoicing(), collector=FakeCollector(), postman=postman
        )
        ports = replace(ports_over(engine, tmp_path, vendors), now=wheel, **replaced)
        async with working(temporal_environment.client, queue, ports):
            yield Office(temporal_environment.client, Collector(engine, tmp_path), postman, queue, ports, wheel)

    return open_office


async def test_customers_are_warned_limited_and_released_exactly_where_their_tier_says(opens: Opens) -> None:
    told: list[tuple[str, str, str, list[str]]] = []
    async with opens() as office:
        for tier in ("pro", "free", "enterprise"):
            office.customer(f"{tier}-co", tier)

        async def hour(used: int | str) -> None:
            for tier in ("pro", "free", "enterprise"):
                office.uses(f"{tier}-co", used)
            ending, _ = await office.checks()
            assert ending is Ending.CHECKED
            services = [office.service(f"{tier}-co") for tier in ("pro", "free", "enterprise")]
            told.append((*services, office.news()))
            office.wheel.now += timedelta(hours=1)

        await hour("79.999999")  # 79.999999
        await hour("0.000001")  # 80
        await hour("19.999999")  # just below 100
        await hour("0.000001")  # 100
        await hour(20)  # 120
        await hour(30)  # 150
        await hour(1)
        office.wheel.now = datetime(2026, 12, 1, 1, tzinfo=UTC)
        await hour(1)

    full, half, blocked = (
        "full service",
        "limited to 50 % of the usual rate (overage)",
        "new requests blocked (overage)",
    )
    review = "ops.example: overage_review 100"  # to both leads, as there is no account manager
    every = ("enterprise-co.example", "free-co.example", "pro-co.example")
    assert told == [
        (full, full, full, []),
        (full, full, full, [f"{one}: overage_alert 80" for one in every]),
        (full, full, full, [f"{one}: overage_alert 90" for one in every]),
        (full, blocked, full, sorted([*(f"{one}: overage_alert 100" for one in every), review, review])),
        (half, blocked, full, ["pro-co.example: overage_alert 120"]),
        (blocked, blocked, full, ["pro-co.example: overage_alert 150"]),
        (blocked, blocked, full, []),
        (
            full,
            full,
            full,
            [f"{one}.example: service_restored a new billing period has begun" for one in ("free-co", "pro-co")],
        ),
    ]


async def test_a_larger_cap_or_tier_releases_with_the_next_check(opens: Opens) -> None:
    async with opens() as office:
        for name in ("more", "moved"):
            office.customer(name, "free")
            office.uses(name, 100)
        await office.checks()
        before = [office.service(name) for name in ("more", "moved")]
        office.news()

        office.ports.usage_register.cap(
            CapOrder(tenant_id="more", meter="api_calls", cap=Decimal(101), reason="agreed", by="lead-1"), NOON
        )
        office.runs("update tenants set tier = 'pro' where tenant_id = 'moved'")
        _, story = await office.checks()

        assert before == ["new requests blocked (overage)"] * 2
        assert [office.service(name) for name in ("more", "moved")] == ["full service"] * 2
        assert [news for news in office.news() if "restored" in news] == [
            f"{name}.example: service_restored your new plan includes more" for name in ("more", "moved")
        ]
        assert story.report is not None
        assert story.report.lifted == 2


async def test_while_suspension_is_held_nobody_is_limited_further_and_everybody_is_warned(opens: Opens) -> None:
    async with opens() as office:
        office.customer("pro-co", "pro")
        office.uses("pro-co", 130)
        holds = PostgresHolds(office.collector.engine)
        holds.place(HoldOrder(effect=HeldEffect.SUSPENSION, reason="bank holiday", by="lead-1"), NOON)

        _, story = await office.checks()
        held = (office.service("pro-co"), office.news(), story.report and story.report.held)
        holds.release("hold-1", "lead-1", "over", NOON)
        await office.checks()

        assert held == ("full service", ["pro-co.example: overage_alert 100"], 1)
        assert office.service("pro-co") == "limited to 50 % of the usual rate (overage)"
        assert office.news() == ["pro-co.example: overage_alert 120"]


async def test_letters_that_the_mail_does_not_take_leave_with_the_next_check_and_once(opens: Opens) -> None:
    async with opens() as office:
        office.customer("pro-co", "pro")
        office.uses("pro-co", 80)
        office.postman.fail_next(FailureCode.PROVIDER_BUSY)

        first, story = await office.checks()
        second, _ = await office.checks()
        third, _ = await office.checks()

        assert (first, second, third) == (Ending.LETTERS_WAIT, Ending.CHECKED, Ending.CHECKED)
        assert story.timeline[-2].text == "other letters wait for the next check"
        assert office.news() == ["pro-co.example: overage_alert 80"]


class BrokenUsage:
    """A port that will not work until somebody repairs it."""

    def near_caps(self, *_: Any) -> Any:
        raise BillingFailure(FailureCode.INVALID, "a partition is damaged")


async def test_a_check_that_cannot_be_done_is_told_to_engineering_and_limits_stay(opens: Opens) -> None:
    async with opens(running_usage=BrokenUsage()) as office:
        ending, story = await office.checks()

        assert (ending, story.report) == (Ending.NOT_CHECKED, None)
        assert [line.text for line in story.timeline][1:] == ["given up: a partition is damaged", f"ended: {ending}"]
        assert office.news() == ["ops.example: usage_limits_not_checked"]


async def test_a_spike_is_told_once_a_day(opens: Opens) -> None:
    async with opens() as office:
        office.customer("pro-co", "pro")
        office.ports.usage_register.cap(
            CapOrder(tenant_id="pro-co", meter="api_calls", cap=None, reason="pays as it goes", by="lead-1"), NOON
        )
        office.collector.now = NOON
        for day in range(1, 20):
            office.numbers += 1
            office.collector.sends(
                event(office.numbers, tenant_id="pro-co", quantity="28", event_time=f"2026-11-{day:02}T09:00:00Z")
            )
        office.uses("pro-co", 95)  # five times the 19 a day that 28 days come to

        await office.checks()
        told = office.news()
        office.uses("pro-co", 500)
        await office.checks()

        assert told == ["pro-co.example: usage_spike"]
        assert office.news() == []
