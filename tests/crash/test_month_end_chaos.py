"""A month end whose workers are killed at random moments bills what an undisturbed one bills, once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from adapters.postgres.engine import open_engine
from billing.month_end import Ending, RunOrder, workflow_id
from starters import month_end
from tests.crash.billing_house import PERIOD, POLICY, bill_undisturbed, books_of, customers_at, gaps, plant
from tests.crash.company import Company, Ground, a_company
from tests.crash.crashing_worker import API_KEY

pytestmark = [pytest.mark.crash, pytest.mark.chaos, pytest.mark.timeout(3_600)]

TENANTS, KILLS, WORKERS = {True: 2_000, False: 200}, {True: 20, False: 3}, 2
EVERY_SECONDS = {True: (1.0, 9.0), False: (1.0, 4.0)}
# A range or a batch takes a fraction of it, also on a machine that is busy with other things.
ONE_TRY = timedelta(seconds=10)


@dataclass(frozen=True)
class Chaos:
    """A house whose month is being billed, and the same house billed by one undisturbed hand."""

    company: Company
    undisturbed: Engine

    def column(self, statement: str, **values: Any) -> list[Any]:
        with self.company.engine.connect() as connection:
            return list(connection.execute(text(statement), values).scalars())


@asynccontextmanager
async def a_house(ground: Ground, tenants: int) -> AsyncIterator[Chaos]:
    twin = ground.fresh_database()
    undisturbed = open_engine(twin, application="undisturbed month end")
    async with a_company(ground) as company:
        company.surroundings = replace(company.surroundings, one_try=ONE_TRY, month_end=POLICY)
        customers = await customers_at(company.surroundings.stripe, API_KEY, tenants)
        with company.engine.begin() as connection:
            connection.execute(text("delete from meters"))  # the company's own; this house has others
        for engine in (company.engine, undisturbed):
            await asyncio.to_thread(plant, engine, customers)
        await asyncio.to_thread(bill_undisturbed, undisturbed)
        try:
            yield Chaos(company, undisturbed)
        finally:
            undisturbed.dispose()
            ground.dismantle_database(twin)


async def test_a_month_end_whose_workers_die_bills_what_an_undisturbed_one_bills(
    ground: Ground, long_form: bool, publish: Callable[[str, str], None]
) -> None:
    tenants, kills = TENANTS[long_form], KILLS[long_form]
    async with a_house(ground, tenants) as house:
        company = house.company
        order = RunOrder(period=PERIOD, requested_by="finance-1")
        began = asyncio.get_running_loop().time()
        for _ in range(WORKERS):
            company.hires()
        await month_end.start(ground.temporal, order, task_queue=company.name, zone="UTC", now=datetime.now(UTC))
        run = ground.temporal.get_workflow_handle(workflow_id(PERIOD, dry_run=False), result_type=str)
        killing = asyncio.create_task(_kill(company, kills, EVERY_SECONDS[long_form]))

        ending = Ending(await run.result())

        stages = [line.text for line in (await month_end.story(ground.temporal, run.id)).timeline]
        took = asyncio.get_running_loop().time() - began
        killed = len(killing.result()) if killing.done() else 0
        flaws = _flaws(house, tenants)
    publish(
        "month end",
        f"{killed} workers killed while {tenants:,} tenants were billed in {took:.0f} s. "
        f"{'Books, numbers, Stripe and mail as of an undisturbed run.' if not flaws else '; '.join(flaws)}",
    )
    assert flaws == [], "\n".join([*flaws, *stages, company.last_words()])
    assert ending is Ending.CLOSED_WITH_LEFTOVERS
    assert killed == kills, "the run was over before every worker had died: bill more tenants, or kill faster"


async def _kill(company: Company, kills: int, every: tuple[float, float]) -> list[float]:
    """Kill a worker and hire another, so many times; returns when, by the loop's clock."""
    moments = []
    for _ in range(kills):
        await asyncio.sleep(random.uniform(*every))
        company.loses(random.choice(company.staff))
        company.hires()
        moments.append(asyncio.get_running_loop().time())
    return moments


def _flaws(house: Chaos, tenants: int) -> list[str]:
    """Everything that is not as an undisturbed run would have left it; empty is a pass."""
    billed = tenants - tenants // 50
    ours, theirs = books_of(house.company.engine), books_of(house.undisturbed)
    numbers = [
        str(number) for number in house.column("select number from invoices where period = :period", period=PERIOD)
    ]
    at_stripe = Counter(
        invoice["metadata"]["number"]
        for invoice in house.company.stripe.state()["invoice"]
        if invoice["status"] not in ("draft", "void")
    )
    # A letter whose worker died before it could be noted is sent again under the same Message-ID: one letter all the same.
    readers = Counter(
        reader
        for line in house.company.mailbox.store.lines("@tenants.example", 10 * tenants)
        for reader in line.recipients
    )
    effects = Counter(house.column("select kind || ' ' || state from effects where kind = 'invoice'"))
    found = {
        f"{len(ours)} of {billed} documents in the books": len(ours) != billed,
        "the books differ from an undisturbed run": ours != theirs,
        f"numbers with gaps: {gaps(sorted(numbers))[:5]}": bool(gaps(sorted(numbers))),
        f"at Stripe: {[one for one in at_stripe.items() if one[1] != 1][:5]}, {len(at_stripe)} documents": (
            sorted(at_stripe) != sorted(numbers) or set(at_stripe.values()) - {1}
        ),
        f"mails: {len(readers)} readers, {[one for one in readers.items() if one[1] != 1][:5]}": (
            len(readers) != billed or set(readers.values()) - {1}
        ),
        f"effects: {effects}": effects != {"invoice confirmed": billed},
    }
    return [flaw for flaw, is_there in found.items() if is_there]
