"""Work through the payment provider's events, for ever: read what changed, tell the cases it matters to, note the outcome.

    a poke, a turn due, or a minute ─► try those due ─► tell the cases ─► settle ─┬─ more are due: at once
                                            │                                     └─ none: wait
                                            └─► the provider is away: wait

It has no ending; when its history gets long it goes on in a new run with its totals. What an event says is never
believed, only that it came: `activities.provider_events` reads how things stand.
"""

import asyncio
from collections import defaultdict

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.letters import Notice
from activities.provider_events import Batch, ProviderEvents
from billing.authority import Role
from billing.provider_event_letters import is_due, parked
from billing.provider_events import CASE_ID, Backlog, EventState, FeedStory, News, Totals
from billing.wording import counted
from workflows.blocks.case import Runbook
from workflows.blocks.pauses import AFTER_A_FAILURE, REMINDS_OF_PARKED_EVERY
from workflows.blocks.recovery_news import begun_with, heard_by_case
from workflows.blocks.steps import EVENTS_IN, RECORD, step, words_of
from workflows.blocks.story import latest_lines
from workflows.blocks.waiting import wait_until

# So many of a batch's cases are told at once: enough to be quick, few enough for one workflow task.
_TOLD_AT_ONCE = 50
_A_BATCH = 1_000


@workflow.defn(name="stripe-events")
class StripeEvents(Runbook):
    """The one that works through them all: workflow id `stripe-events`."""

    @workflow.init
    def __init__(self, totals: Totals) -> None:
        super().__init__()
        self.totals, self.backlog = totals, Backlog()
        self.away: str | None = None
        self.poked = False

    @workflow.run
    async def run(self, totals: Totals) -> None:
        self.labels.show(runbook="stripe-events")
        while not workflow.info().is_continue_as_new_suggested():
            self.poked = False
            try:
                batch = await step(
                    ProviderEvents.process, _A_BATCH, allowance=EVENTS_IN, summary="try the events whose turn has come"
                )
                await self._settle(batch)
            except ActivityError as error:
                await self._stumbled(words_of(error))
                continue
            if self.away or not self.backlog.due:
                await self._rest()
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self.totals)

    @workflow.signal(description="An event has come: look now")
    def poke(self) -> None:
        self.poked = True

    @workflow.query(description="Totals, backlog, whether the provider answers, and the latest lines; moments in UTC")
    def story(self) -> FeedStory:
        return FeedStory(totals=self.totals, backlog=self.backlog, away=self.away, timeline=tuple(self.timeline.lines))

    def show(self) -> None:
        workflow.set_current_details(as_markdown(self.story()))
        self.labels.show(needs_human=self.backlog.parked > 0)

    async def _settle(self, batch: Batch) -> None:
        """Tell the cases first: what was not settled when a worker died is tried again and told again, never lost."""
        was_away, self.away = self.away, batch.away
        if batch.rest is not None:
            self.backlog = batch.rest
        else:
            await self._tell(batch)
            self.backlog = await step(
                ProviderEvents.settle, batch.outcomes, allowance=RECORD, summary="note what became of the events"
            )
            self._count(batch)
        if batch.away and not was_away:
            self.note(f"the provider is away: {batch.away}")
        if was_away and not batch.away:
            self.note("the provider answers again")
        self._write_of_parked()
        self.show()

    def _count(self, batch: Batch) -> None:
        made = {state: sum(one.state is state for one in batch.outcomes) for state in EventState}
        counted_now = {
            "processed": self.totals.processed + made[EventState.PROCESSED],
            "ignored": self.totals.ignored + made[EventState.IGNORED],
            "parked": self.totals.parked + made[EventState.PARKED],
            "put_off": self.totals.put_off + made[EventState.WAITING],
            "told": self.totals.told + len(batch.news),
        }
        self.totals = self.totals.model_copy(update=counted_now)
        words = [
            f"{made[state]:,} {name}"
            for state, name in (
                (EventState.PROCESSED, "processed"),
                (EventState.IGNORED, "ignored"),
                (EventState.WAITING, "put off"),
                (EventState.PARKED, "parked for a person"),
            )
            if made[state]
        ]
        if words:
            self.note(f"{counted(len(batch.outcomes), 'event')}: {', '.join(words)}")

    def _write_of_parked(self) -> None:
        """Let engineering look at what waits for a person: at once, and every day until nothing does."""
        now, written_at = workflow.now(), self.totals.written_at
        if is_due(self.backlog.parked, written_at, now, REMINDS_OF_PARKED_EVERY):
            written_at = now
            notice = Notice(
                case_id=CASE_ID,
                name=f"parked-{now:%Y-%m-%dT%H:%M:%S}",
                role=Role.ENGINEERING,
                payload=parked(self.backlog.parked),
            )
            self.post(self.notify(notice))
        self.totals = self.totals.model_copy(update={"written_at": written_at if self.backlog.parked else None})

    async def _tell(self, batch: Batch) -> None:
        by_tenant: dict[str, list[News]] = defaultdict(list)
        for news in batch.news:
            by_tenant[news.tenant_id].append(news)
        lanes = asyncio.Semaphore(_TOLD_AT_ONCE)

        async def told(tenant: str, news: list[News]) -> None:
            async with lanes:
                await self._tell_case(tenant, news, owes=tenant in batch.owing)

        await asyncio.gather(*(told(tenant, news) for tenant, news in by_tenant.items()))

    async def _tell_case(self, tenant: str, news: list[News], *, owes: bool) -> None:
        """Start the case of a tenant who owes something, else let the case hear it that is there; without either nobody
        waits for the news."""
        if owes and await self._started(news[0]):
            news = news[1:]
        for one in news:
            if not await heard_by_case(one) and owes:
                await self._started(one)  # the case ended in between, and there is a debt again

    async def _started(self, news: News) -> bool:
        began = await begun_with(news)
        if began:
            self.note(f"a case of {news.tenant_id} began")
        return began

    async def _rest(self) -> None:
        due = workflow.now() + self.backlog.look_in
        await wait_until(due, lambda: self.poked, name=f"look again {due:%a %d %b %H:%M:%S} UTC")

    async def _stumbled(self, why: str) -> None:
        """A step failed that should not be able to: nothing is lost, and it is tried again for as long as it takes."""
        self.needs_human = True
        self.note(f"could not get on: {why}")
        again = workflow.now() + AFTER_A_FAILURE
        await wait_until(again, lambda: False, name=f"try again {again:%a %d %b %H:%M} UTC")


def as_markdown(story: FeedStory) -> str:
    """Backlog, totals and the latest lines."""
    totals, backlog = story.totals, story.backlog
    parts = [
        f"## {'the provider is away' if story.away else 'at work' if backlog.due else 'waits for events'}",
        f"**Waiting:** {backlog.waiting:,}"
        + (f", the next turn {backlog.next_try_at:%a %d %b %H:%M:%S} UTC" if backlog.next_try_at else ""),
        f"**For a person:** {backlog.parked:,} parked. `runbooks events list --state parked`" if backlog.parked else "",
        f"**So far:** {totals.processed:,} processed, {totals.ignored:,} ignored, {totals.put_off:,} put off, "
        f"{totals.parked:,} parked; cases told {totals.told:,} times",
        latest_lines(story.timeline),
    ]
    return "\n\n".join(part for part in parts if part)
