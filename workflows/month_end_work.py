"""How a month end works through many tenants: range by range, a few at once, with a stop between any two of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.letters import Notice
from activities.month_end import MonthEnds, Page
from billing import run_letters
from billing.authority import Role
from billing.emails import Payload
from billing.holds import HeldEffect, Hold
from billing.month_end import BatchResult, Ending, Shard, ShardOrder, Stage, case_id
from billing.policy.month_end import Errand
from billing.wording import listed
from workflows.blocks.steps import BULK, step, words_of
from workflows.blocks.waiting import wait_for
from workflows.month_end_desk import MonthEndDesk

Done = TypeVar("Done")

# Ranges asked for at once: enough to keep the workers busy, few enough for one answer.
_A_PAGE = 50


class EndedError(Exception):
    """The run ends here, with why in words."""

    def __init__(self, ending: Ending, why: str) -> None:
        super().__init__(why)
        self.ending, self.why = ending, why


class MonthEndWork(MonthEndDesk):
    """Ranges, waits and hand-overs of a run; what is done, and in which order, is in `workflows.month_end`."""

    async def may_go_on(self) -> None:
        """Go on at once, or when the run is resumed; raises when it was cancelled before anything was issued."""
        if self.paused and not self.cancelled:
            self.show()
            await wait_for(lambda: self.paused is None or self.cancelled is not None)
        if self.cancelled:
            raise EndedError(Ending.CANCELLED, f"cancelled by {self.cancelled.by}: {self.cancelled.reason}")

    def enter(self, stage: Stage, next_step: str, *, total: int = 0, needs_human: bool = False) -> None:
        """Move to a stage, unless the run was continued in the middle of it: then its progress goes on."""
        if stage is not self.stage or not self.after:
            self.after, self.done, self.total, self.began_at = "", 0, total, workflow.now()
        self.stage, self.next_step, self.needs_human = stage, next_step, needs_human
        self.show()

    async def through_all(
        self, work: Callable[[ShardOrder], Awaitable[int]], at_once: int, errand: Errand | None = None
    ) -> None:
        """Do `work`, which answers how many it got done, for every range; continues as a new run when it gets long."""
        worked, policy = 0, self.billing_run.policy
        page = min(_A_PAGE, policy.shards_before_a_new_run)
        while shards := await self._next_page(page, errand):
            if worked + len(shards) > policy.shards_before_a_new_run:
                await self._continue_as_new()
            await self._at_once(work, shards, at_once)
            self.after = shards[-1].last
            worked += len(shards)
        self.after = ""

    async def _next_page(self, count: int, errand: Errand | None) -> tuple[Shard, ...]:
        page = Page(run_id=self.run_id, after=self.after, count=count, errand=errand)
        summary = f"next ranges beyond {self.after}" if self.after else "first ranges"
        return await self.with_help(lambda: step(MonthEnds.shards, page, allowance=BULK, summary=summary))

    async def _at_once(
        self, work: Callable[[ShardOrder], Awaitable[int]], shards: tuple[Shard, ...], at_once: int
    ) -> None:
        """A few lanes share the ranges. When one stops, what the others have begun is finished first."""
        waiting = iter(shards)

        async def lane() -> None:
            for shard in waiting:
                await self.may_go_on()
                self.done += await work(ShardOrder(run_id=self.run_id, shard=shard))
                self.show()

        lanes = await asyncio.gather(*(lane() for _ in range(at_once)), return_exceptions=True)
        for stopped in lanes:
            if stopped is not None:
                raise stopped

    async def _continue_as_new(self) -> None:
        """The history is long enough: go on in a new run. Letters still on their way are taken along."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(args=[self.order, self.carried()])

    def count_left(self, errand: Errand, result: BatchResult) -> int:
        """Remember the documents that an errand could not be done for; answers how many were looked at."""
        listed_at_most = self.billing_run.policy.listed_at_most
        self.left[errand] = self.left[errand].and_also(result.left, listed_at_most=listed_at_most)
        return result.documents

    async def no_hold(self, effect: HeldEffect) -> bool:
        """Wait until nobody holds the effect for everybody; True when that took time. Raises when cancelled meanwhile."""

        def announce(held: tuple[Hold, ...]) -> None:
            self.needs_human = True
            self.note(f"waits: {listed([hold.in_words() for hold in held])}")

        every = self.billing_run.policy.look_at_holds_every
        waited = await self.holds.none_covers(effect, every, announce, lambda: self.cancelled is not None)
        if waited:
            self.needs_human = False
            await self.may_go_on()
            self.note(f"{effect} is not held any more")
        return waited

    async def with_help(self, attempt: Callable[[], Awaitable[Done]]) -> Done:
        """Do a step; when it fails for good, hand it over and do it again once it is repaired: no run is ever lost."""
        while True:
            try:
                return await attempt()
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                await self.hand_over(Role.ENGINEERING, words_of(error))

    async def hand_over(self, role: Role, what_happened: str) -> None:
        """Ask people to repair something and wait until one says it is done, or the run is cancelled."""
        self.repaired, self.needs_human = False, True
        self.next_step = f"a person repairs: {what_happened}"
        self.hand_overs += 1
        self.note(f"handed over to {role}: {what_happened}")
        self.send(role, f"handed-over-{self.hand_overs}", run_letters.handed_over(self.story(), what_happened))
        await wait_for(lambda: self.repaired or self.cancelled is not None)
        self.repaired, self.needs_human = True, False
        await self.may_go_on()

    def send(self, role: Role, name: str, payload: Payload) -> None:
        """Let a letter to operators leave beside the run; unsent ones go along into a continued run."""
        numbered = self.opened.run_id.rpartition("#")[2] if self.opened else workflow.info().first_execution_run_id
        notice = Notice(case_id=case_id(self.order.period), name=f"run-{numbered}/{name}", role=role, payload=payload)
        self.post(self._send(notice))

    def send_again(self, unsent: tuple[Notice, ...]) -> None:
        """Letters that were on their way when the run was continued; each leaves once, whoever sends it."""
        for notice in unsent:
            self.post(self._send(notice))

    async def _send(self, notice: Notice) -> None:
        self.unsent[notice.name] = notice
        await self.notify(notice)
        del self.unsent[notice.name]


def words_of_range(work: ShardOrder) -> str:
    """A range of tenants, for the summary of a step: `acme to birch`."""
    return f"{work.shard.first} to {work.shard.last}"
