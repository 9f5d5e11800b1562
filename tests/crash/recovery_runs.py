"""One run: a tale is told while one worker after the other dies where it was ordered to, and the books are examined."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from tests.crash.company import Company, Ground, a_company
from tests.crash.plan import Kill
from tests.crash.recovery_books import RecoveryBooks
from tests.crash.recovery_house import House
from tests.crash.recovery_plan import Chain
from tests.crash.recovery_tales import TALES, Expected, Telling
from tests.crash.runs import Report

PATIENCE_SECONDS = 600.0
AT_A_TIME = 6
# Longer than any of them takes, also on a machine that is busy with other things.
ONE_TRY = timedelta(seconds=3)


async def tell(ground: Ground, chain: Chain) -> list[Report]:
    """Tell a tale over all these deaths; each report says what was flawed in the end, whichever death it was."""
    began = time.monotonic()
    deaths: list[Kill] = []
    async with a_company(ground) as company:
        company.surroundings = replace(company.surroundings, one_try=ONE_TRY)
        told = Telling(company, House(company), f"tenant-{company.name}")
        expected = Expected(endings=(), letters=Counter())
        endings: tuple[str, ...] = ()
        trouble: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as others:
                others.create_task(_die_one_after_the_other(company, chain, deaths))
                expected = await TALES[chain[0].step.tale](told)
                endings = tuple([str(await handle.result()) for handle in told.handles])
                await told.chases_end()
        except TimeoutError:
            trouble = [f"not over after {PATIENCE_SECONDS:.0f} s"]
        flaws = [*trouble, *await asyncio.to_thread(RecoveryBooks(told.house, told.tenant_id, expected).flaws, endings)]
        seconds, words = time.monotonic() - began, company.last_words()
    # Whoever died left its step to another, or the tale would not be over.
    tries = dict.fromkeys(deaths, 2)
    return [Report(kill, tuple(flaws), tries.get(kill, 0), seconds, words) for kill in chain]


async def side_by_side(ground: Ground, chains: Sequence[Chain]) -> list[Report]:
    """Tell them, some at once: they mostly wait for dead workers to be noticed."""
    room = asyncio.Semaphore(AT_A_TIME)

    async def one(chain: Chain) -> list[Report]:
        async with room:
            return await tell(ground, chain)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(chain)) for chain in chains]
    return [report for task in tasks for report in task.result()]


async def _die_one_after_the_other(company: Company, chain: Chain, deaths: list[Kill]) -> None:
    """Hire a worker for each death, who dies at whichever step it comes to first, and in the end one without orders."""
    while left := [kill for kill in chain if kill not in deaths]:
        await company.buries(company.hires(*left))
        deaths[:] = [kill for kill in chain if str(kill) in company.deaths()]
    company.hires()
