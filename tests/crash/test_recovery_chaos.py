"""Many recoveries while their workers are killed again and again: each ends right, nobody pays twice, nobody is forgotten."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from adapters.mail.headers import message_id
from billing.recovery import DelinquencyOrder
from tests.crash.company import Company, Ground, a_company
from tests.crash.impatience import TASK_TIMEOUT
from tests.crash.recovery_books import DOMAIN
from tests.crash.recovery_fates import LOTS, OVERTAKEN, PLAN_DUE, RETRIES, Fate
from tests.crash.recovery_house import GOOD, Debtor, House
from workflows.delinquency import Delinquency

pytestmark = [pytest.mark.crash, pytest.mark.chaos, pytest.mark.timeout(3_600)]

CASES, KILLS, WORKERS = {True: 300, False: 20}, {True: 40, False: 3}, 2
EVERY_SECONDS = {True: (3.0, 12.0), False: (1.0, 3.0)}
# Cases begin one after the other, so that a kill finds them everywhere, and not so many at once that a machine does nothing but
# begin work anew that took it too long.
BEGIN_WITHIN_SECONDS = {True: 300.0, False: 3.0}
ONE_TRY = timedelta(seconds=10)
LOOK_SECONDS = 0.5
# How long customers wait for the letters that are due before they pay; afterwards one that never came is a flaw.
LETTERS_WITHIN = timedelta(minutes=5)
AT_ONCE = 4

_TRIED = "select tenant_id, count(*) as tried from payment_attempts where outcome = 'declined' group by tenant_id"
_WRITTEN = "select tenant_id, count(*) as written from effects where kind = 'letter' and state = 'confirmed' group by 1"
_SERVICE = "select tenant_id, restriction from restrictions"
_LIMITS = "select tenant_id, restriction from restriction_log order by log_id"
_LETTERS = """
    select tenant_id, op_key, request->'payload'->>'template' as template from effects where kind = 'letter'
"""
_OPEN = """
    select 'case ' || case_id as what from delinquencies where ending is null
    union all select 'attempt ' || op_key from payment_attempts where ended_at is null
    union all select 'chase of ' || invoice_id from receivables where chased_by is not null
    union all select op_key || ' is ' || state from effects where state <> 'confirmed'
"""


@dataclass
class Recovery:
    """One customer on its way to its fate."""

    fate: Fate
    debtor: Debtor
    ending: str = ""

    @property
    def invoice(self) -> str:
        return f"inv-{self.debtor.tenant_id}-plan"


@dataclass
class Chaos:
    """The company, everybody who owes it something, and what is known of them by now."""

    company: Company
    house: House
    recoveries: list[Recovery] = field(default_factory=list)
    tried: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    service: dict[str, str] = field(default_factory=dict)

    def owes(self, number: int) -> Recovery:
        """A customer whose fate is the next in turn."""
        fate = list(Fate)[number % len(Fate)]
        tenant_id = f"{self.company.name}-{number:03}"
        recovery = Recovery(fate, self.house.debtor(tenant_id, LOTS[fate].policy, plan=PLAN_DUE, usage=False))
        if LOTS[fate].turns is None:
            self.house.brings(recovery.debtor.customer, GOOD)
        return recovery

    async def watch(self) -> None:
        """Keep what is known fresh, for all of them at once."""
        while True:
            rows = await asyncio.to_thread(self.house.rows, _TRIED)
            self.tried = {row["tenant_id"]: row["tried"] for row in rows}
            rows = await asyncio.to_thread(self.house.rows, _WRITTEN)
            self.written = {row["tenant_id"]: row["written"] for row in rows}
            rows = await asyncio.to_thread(self.house.rows, _SERVICE)
            self.service = {row["tenant_id"]: row["restriction"] for row in rows}
            await asyncio.sleep(LOOK_SECONDS)

    async def lives(self, recovery: Recovery, begins_after: float) -> None:
        """One case from its beginning to its end, with what its customer does."""
        await asyncio.sleep(begins_after)
        tenant_id, lot = recovery.debtor.tenant_id, LOTS[recovery.fate]
        order = DelinquencyOrder(tenant_id=tenant_id)
        case: WorkflowHandle[Any, Any] = await self.company.ground.temporal.start_workflow(
            Delinquency.run,
            order,
            id=order.workflow_id,
            task_queue=self.company.surroundings.queue,
            task_timeout=TASK_TIMEOUT,
        )
        if lot.turns:
            while self.service.get(tenant_id, "none") != lot.at or self.tried.get(tenant_id, 0) < lot.tried:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(LETTERS_WITHIN.total_seconds()):
                    while self.written.get(tenant_id, 0) < lot.letters_before:  # noqa: ASYNC110
                        await asyncio.sleep(LOOK_SECONDS)
            news = await asyncio.to_thread(lot.turns, self.house, recovery.debtor, recovery.invoice)
            await case.signal(Delinquency.heard, news)
        recovery.ending = str(await case.result())
        await self.company.ground.temporal.get_workflow_handle(f"payment-retry/{recovery.invoice}/1").result()


async def test_recoveries_whose_workers_die_every_few_seconds_all_end_right(
    ground: Ground, long_form: bool, publish: Callable[[str, str], None]
) -> None:
    number, kills = CASES[long_form], KILLS[long_form]
    async with a_company(ground) as company:
        company.surroundings = replace(company.surroundings, one_try=ONE_TRY)
        chaos = Chaos(company, House(company))
        chaos.recoveries = await _everybody(chaos, number)
        for _ in range(WORKERS):
            company.hires()
        began = asyncio.get_running_loop().time()

        async with asyncio.TaskGroup() as beside:
            watching = beside.create_task(chaos.watch())
            async with asyncio.TaskGroup() as lives:
                killing = lives.create_task(_kill(company, kills, EVERY_SECONDS[long_form]))
                for position, recovery in enumerate(chaos.recoveries):
                    lives.create_task(chaos.lives(recovery, BEGIN_WITHIN_SECONDS[long_form] * position / number))
            watching.cancel()

        took = asyncio.get_running_loop().time() - began
        flaws = [*_flaws(chaos)]
    publish(
        "recovery chaos",
        f"{killing.result()} workers killed while {number} recoveries were played in {took:.0f} s. "
        f"{'All ended right.' if not flaws else '; '.join(flaws)}",
    )
    assert flaws == [], "\n".join([*flaws, company.last_words()])


async def _everybody(chaos: Chaos, number: int) -> list[Recovery]:
    """Their debts are made a few at a time; Stripe's side of them takes most of it."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(position: int) -> Recovery:
        async with room:
            return await asyncio.to_thread(chaos.owes, position)

    return list(await asyncio.gather(*(one(position) for position in range(number))))


async def _kill(company: Company, kills: int, every: tuple[float, float]) -> int:
    """Kill a worker and hire another, so many times."""
    for _ in range(kills):
        await asyncio.sleep(random.uniform(*every))
        company.loses(random.choice(company.staff))
        company.hires()
    return kills


def _flaws(chaos: Chaos) -> Iterator[str]:
    """Everything that is not as it must be; empty is a pass."""
    house = chaos.house
    taken, times, declined = Counter[str](), Counter[str](), Counter[str]()
    for theirs, status, amount in house.charges():
        if status == "succeeded":
            taken[theirs] += amount
            times[theirs] += 1
        else:
            declined[theirs] += 1
    limits, letters = _by_tenant(house.rows(_LIMITS)), _by_tenant(house.rows(_LETTERS))
    mails = {mail.message_id for mail in chaos.company.mailbox.store.lines(limit=100_000)}
    for recovery in chaos.recoveries:
        lot, tenant_id = LOTS[recovery.fate], recovery.debtor.tenant_id
        theirs = recovery.debtor.invoices[recovery.invoice]
        written = letters.get(tenant_id, [])
        templates = Counter(row["template"] for row in written if row["template"] not in _overtaken(recovery))
        if recovery.ending != lot.ending:
            yield f"{tenant_id} ({recovery.fate}) ended {recovery.ending}"
        if taken[theirs] != lot.taken or times[theirs] > 1 or declined[theirs] > 1 + RETRIES:
            yield f"{tenant_id} ({recovery.fate}) paid {taken[theirs]} in {times[theirs]}, declined {declined[theirs]}"
        if tuple(row["restriction"] for row in limits.get(tenant_id, [])) != lot.limits:
            yield f"{tenant_id} ({recovery.fate}) was limited {[row['restriction'] for row in limits[tenant_id]]}"
        if templates != lot.letters or len({row["op_key"] for row in written}) != len(written):
            yield f"{tenant_id} ({recovery.fate}) was written {dict(templates)}"
        for row in written:
            if message_id(row["op_key"], DOMAIN) not in mails:
                yield f"{row['op_key']} never arrived"
    if limited := {row["tenant_id"] for row in house.rows(_SERVICE) if row["restriction"] != "none"}:
        yield f"limited, and owe nothing: {limited}"
    yield from (row["what"] for row in house.rows(_OPEN))


def _overtaken(recovery: Recovery) -> frozenset[str]:
    return OVERTAKEN.get(recovery.fate, frozenset())


def _by_tenant(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["tenant_id"], []).append(row)
    return found
