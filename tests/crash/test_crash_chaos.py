"""Many cases in flight while workers are killed at random: every one of them ends right."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.crash.attempts import Attempts
from tests.crash.books import Books
from tests.crash.company import Company, Ground, a_company
from tests.crash.plan import Tale
from tests.crash.stories import LONG_WAY, Case, open_case, people_act

pytestmark = [pytest.mark.crash, pytest.mark.timeout(1_800)]

CASES, WORKERS, KILLING_SECONDS = 50, 2, 60.0
EVERY_SECONDS = (1.0, 3.0)
PATIENCE_SECONDS = 600.0


async def test_fifty_cases_end_right_while_workers_die_every_few_seconds(
    ground: Ground, long_form: bool, publish: Callable[[str, str], None]
) -> None:
    if not long_form:
        pytest.skip("a long one: `make crash` runs it")
    async with a_company(ground) as company, asyncio.timeout(PATIENCE_SECONDS):
        async with asyncio.TaskGroup() as group:
            killing = group.create_task(_kill_again_and_again(company))
            cases = [group.create_task(_live(company, number)) for number in range(CASES)]
        killed, last_death = killing.result()
        rest = asyncio.get_running_loop().time() - last_death
        flaws = [await _flaws(company, task.result()) for task in cases]

    right = sum(not found for found in flaws)
    publish(
        "chaos",
        f"{killed} workers killed in {KILLING_SECONDS:.0f} s; {right} of {CASES} cases left one of each effect. "
        f"The last case ended {rest:.0f} s after the last death.",
    )
    assert [found for found in flaws if found] == []
    assert killed >= KILLING_SECONDS / EVERY_SECONDS[1]


async def _live(company: Company, number: int) -> Case:
    """One case from its ticket to its end, some time during the killing."""
    await asyncio.sleep(number * KILLING_SECONDS / CASES)
    case = await open_case(company, Tale.LONG_WAY, f"tenant-{number}")
    await people_act(case, Tale.LONG_WAY)
    await case.handle.result()
    return case


async def _kill_again_and_again(company: Company) -> tuple[int, float]:
    """Kill one of the workers and hire another, over and over; returns how many died, and when the last one did."""
    for _ in range(WORKERS):
        company.hires()
    clock = asyncio.get_running_loop().time
    until, killed = clock() + KILLING_SECONDS, 0
    while clock() < until:
        await asyncio.sleep(random.uniform(*EVERY_SECONDS))
        company.loses(random.choice(company.staff))
        company.hires()
        killed += 1
    return killed, clock()


async def _flaws(company: Company, case: Case) -> list[str]:
    attempts = Attempts(await case.handle.fetch_history())
    return Books(company, case, LONG_WAY, attempts).flaws(await case.ends())
