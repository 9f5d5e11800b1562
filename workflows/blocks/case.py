"""What every runbook has: a timeline, labels for the lists, and letters that never hold it up; and what a case adds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.letters import Letters, LetterToCustomer, LetterToOperators, Notice, Posted
from billing.authority import Role
from billing.cases import OpenedCase
from billing.emails import Payload
from workflows.blocks.attributes import Labels
from workflows.blocks.pauses import LETTER_LEAVES_WITHIN
from workflows.blocks.steps import LETTER, step, words_of
from workflows.blocks.timeline import Timeline
from workflows.blocks.waiting import wait_until


class Runbook:
    """The base of every runbook; subclasses tell their story by overriding `show`."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.labels = Labels()
        self.needs_human = False
        self.over = False
        self._posted: list[asyncio.Task[Any]] = []

    def note(self, text: str) -> None:
        """One more sentence of the story, visible at once."""
        self.timeline.note(text)
        self.show()

    def show(self) -> None:
        """Bring the Temporal UI's details and labels up to date."""

    def post(self, sending: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Let a letter be sent beside the procedure: a mail server that is away for a day must hold nothing up."""
        task = asyncio.create_task(sending)
        self._posted.append(task)
        return task

    async def post_patiently(self, sending: Coroutine[Any, Any, Any]) -> None:
        """Post a letter and wait a little, so that the story usually tells it before what follows."""
        task = self.post(sending)
        await wait_until(workflow.now() + LETTER_LEAVES_WITHIN, task.done, name="wait a little for the letter to leave")

    async def notify(self, notice: Notice) -> bool:
        """Send every operator of a role a letter and say whether it left; one that cannot is told in the story."""
        sending = step(Letters.notify, notice, allowance=LETTER, summary=f"notice: {notice.name}")
        return await self._write(sending, notice.name, f"the {notice.role}")

    async def _write(self, sending: Awaitable[Posted], name: str, reader: str) -> bool:
        try:
            posted = await sending
        except ActivityError as error:
            self.note(f"letter {name} to {reader} could not be sent: {words_of(error)}")
            return False
        if posted is not Posted.SENT:
            self.note(f"letter {name} to {reader}: {posted}")
        return posted is Posted.SENT

    @asynccontextmanager
    async def beside(self, *watchers: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        """Run watchers beside the body; they must end by themselves once `stop_watching` was called. Letters that are
        still being sent then are waited for."""
        tasks = [asyncio.create_task(watcher) for watcher in watchers]
        try:
            yield
        except GeneratorExit:  # thrown away with its worker, which replays the case elsewhere: nothing may wait here
            raise
        except BaseException:
            await self._wind_up(tasks)
            raise
        await self._wind_up(tasks)

    async def _wind_up(self, watchers: list["asyncio.Task[None]"]) -> None:
        self.stop_watching()
        await asyncio.gather(*watchers)
        await self.letters_have_left()

    async def letters_have_left(self) -> None:
        """Wait for what is still being sent, and for whoever still speaks to the case."""
        for letter in self._posted:  # the last ones may post others
            await letter
        await workflow.wait_condition(workflow.all_handlers_finished)

    def stop_watching(self) -> None:
        """Tell every watcher that the case is over."""
        self.over = True


class Case(Runbook):
    """The base of a runbook about one customer's case: its letters know the tenant, the ticket and the round."""

    case: OpenedCase

    def __init__(self) -> None:
        super().__init__()
        self._to_customer = asyncio.Lock()

    async def write_to_customer(self, name: str, payload: Payload) -> bool:
        """Send the customer a letter and say whether it left; one that cannot is told in the story, the case goes on.

        Letters to the customer leave one after the other: no answer overtakes its acknowledgement.
        """
        order = LetterToCustomer(case=self.case, name=name, payload=payload)
        async with self._to_customer:
            return await self._write(
                step(Letters.to_customer, order, allowance=LETTER, summary=f"letter: {name}"), name, "the customer"
            )

    async def write_to_operators(self, name: str, role: Role, payload: Payload) -> bool:
        """Send every operator of a role a letter, on the same terms."""
        order = LetterToOperators(case=self.case, name=name, role=role, payload=payload)
        return await self._write(
            step(Letters.to_operators, order, allowance=LETTER, summary=f"notice: {name}"), name, f"the {role}"
        )
