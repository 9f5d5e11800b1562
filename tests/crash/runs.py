"""One run: a story is played, its worker dies once, another takes over, and the books are examined."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess

from billing.cases import Ending
from sandbox.mailbox import Fault, FaultKind
from sandbox.stripe.faults import FaultKind as StripeFault
from tests.crash.attempts import Attempts
from tests.crash.books import Books
from tests.crash.company import Company, Ground, a_company, looking
from tests.crash.plan import Kill, Through
from tests.crash.stories import EXPECTED, open_case, people_act

PATIENCE_SECONDS = 90.0
AT_A_TIME = 4
# Who gets the first letter of each template that a worker dies over, and which of their mails it is.
ADDRESSED = {
    "dispute_acknowledged": ("accounts@*", 1),
    "customer_asked": ("accounts@*", 2),
    "case_escalated": ("lead-1@*", 1),
}


@dataclass(frozen=True)
class Report:
    """What one kill came to; no flaws: exactly one of each effect. `attempts` are those of the killed activity."""

    kill: Kill
    flaws: tuple[str, ...]
    attempts: int
    seconds: float
    last_words: str

    @property
    def passed(self) -> bool:
        """Whether everything exists once, and the step was indeed begun a second time."""
        return not self.flaws and self.attempts > 1

    def __str__(self) -> str:
        found = "; ".join(self.flaws) or f"the step was tried {self.attempts} times"
        return f"{self.kill}: {found}\n{self.last_words}"


async def run(ground: Ground, kill: Kill, *, guarded: bool = True) -> Report:
    """Kill once and look at what is there afterwards; `guarded` False is the control."""
    began = time.monotonic()
    async with a_company(ground, guarded=guarded) as company:
        if kill.by_parent:
            _hold_the_answer(company, kill)
        victim = company.hires(kill)
        case = await open_case(company, kill.step.tale)
        ending: Ending | None = None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as others:
                others.create_task(_replaced(company, victim, kill))
                others.create_task(people_act(case, kill.step.tale))
                ending = await case.ends()
        except TimeoutError:
            pass
        attempts = Attempts(await case.handle.fetch_history(), kill)
        flaws = Books(company, case, EXPECTED[kill.step.tale], attempts).flaws(ending)
        seconds = time.monotonic() - began
        return Report(kill, tuple(flaws), attempts.of_the_killed_step, seconds, company.last_words())


async def side_by_side(ground: Ground, kills: Sequence[Kill], *, guarded: bool = True) -> list[Report]:
    """Carry out the runs, some at once: they mostly wait for dead workers to be noticed."""
    room = asyncio.Semaphore(AT_A_TIME)

    async def one(kill: Kill) -> Report:
        async with room:
            return await run(ground, kill, guarded=guarded)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(kill)) for kill in kills]
    return [task.result() for task in tasks]


async def _replaced(company: Company, victim: BaseProcess, kill: Kill) -> None:
    """See the worker die, then hire another, who has no orders."""
    if kill.by_parent:
        await _held(company, kill)
        company.loses(victim)
        company.stripe.release()
    else:
        await company.buries(victim)
    company.hires()


def _hold_the_answer(company: Company, kill: Kill) -> None:
    """Have the outside do its part of the effect and then say nothing."""
    if kill.step.through is Through.STRIPE:
        company.stripe.fault(StripeFault.PAUSE, "/v1/credit_notes", attempts=(1,))
    else:
        recipient, number = ADDRESSED[kill.step.template or ""]
        company.mailbox.fail(
            Fault(kind=FaultKind.STALLED, to=recipient, attempts=frozenset({number}), seconds=PATIENCE_SECONDS)
        )


async def _held(company: Company, kill: Kill) -> None:
    """Return once the effect has come about and its answer is held back."""
    if kill.step.through is Through.STRIPE:
        async for _ in looking():
            if await asyncio.to_thread(company.stripe.held):
                return
    recipient, number = ADDRESSED[kill.step.template or ""]
    async for _ in looking():
        if len(company.mailbox.store.lines(recipient.rstrip("*"))) >= number:
            return
