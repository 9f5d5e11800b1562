"""Waiting for the customer: a question, reminders, the answer, or silence until the policy's time is over."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from billing.cases import CustomerReply, Question
from billing.policy.disputes import DisputePolicy
from workflows.blocks.waiting import wait_for, wait_until

# Writes the question with this number, or its reminder (0: the question itself), naming when the case closes.
Write = Callable[[Question, int, int, datetime], None]


class Heard(StrEnum):
    """What a reply is to the case, as its story says it."""

    AGAIN = "the same reply again"
    ANSWER = "the customer answered; the clocks run"
    LETTER = "the customer wrote to us"
    CROSSED = "the customer wrote before we asked; the question stays open"


class CustomerDialogue:
    """At most one open question. `unanswered` becomes true when the customer stayed silent for too long."""

    def __init__(self) -> None:
        self._question: Question | None = None
        self._asked_at: datetime | None = None
        self.asked = 0
        self._replies_seen: set[str] = set()
        self._over = False
        self.closes_at: datetime | None = None
        self.unanswered = False

    @property
    def waiting(self) -> bool:
        """Whether a question is open."""
        return self._question is not None

    def refuse_a_second_question(self) -> None:
        """Reject a question while one is open: the customer would not know which one stops the clock."""
        if self.waiting:
            raise ApplicationError(
                "the case already waits for the customer: wait for the answer first", type="conflict"
            )

    def ask(self, question: Question) -> None:
        """Open a question; `refuse_a_second_question` comes first."""
        # Support desks stamp replies to the second.
        self._question, self._asked_at = question, workflow.now().replace(microsecond=0)
        self.asked += 1

    def take_back(self, number: int) -> bool:
        """Drop the question with this number, which never arrived; False when it is no longer the open one."""
        open_still = self.waiting and self.asked == number
        if open_still:
            self._question = self.closes_at = None
        return open_still

    def hears(self, reply: CustomerReply) -> Heard:
        """Take a reply; it answers the open question unless it was written before that was asked."""
        if reply.reply_id in self._replies_seen:
            return Heard.AGAIN
        self._replies_seen.add(reply.reply_id)
        if self._question is None:
            return Heard.LETTER
        if self._asked_at and reply.received_at < self._asked_at:
            return Heard.CROSSED
        self._question = self.closes_at = None
        return Heard.ANSWER

    def stop(self) -> None:
        """Let `chase` end: nothing more is written."""
        self._over = True

    async def chase(self, policy: DisputePolicy, write: Write) -> None:
        """Write each question, remind at the policy's times, and note silence; runs beside the whole case."""
        while not self._over:
            await wait_for(lambda: self.waiting or self._over)
            if self._question is not None:
                await self._chase_one(self._question, self.asked, policy, write)

    async def _chase_one(self, question: Question, number: int, policy: DisputePolicy, write: Write) -> None:
        def settled() -> bool:
            return self._over or self._question is None or self.asked != number

        asked_at = workflow.now()
        self.closes_at = closes_at = asked_at + policy.close_unanswered_after
        write(question, number, 0, closes_at)
        for reminder, after in enumerate(policy.remind_customer_after, start=1):
            if not await wait_until(asked_at + after, settled, name=f"remind the customer (reminder {reminder})"):
                break
            write(question, number, reminder, closes_at)
        if not settled() and await wait_until(
            closes_at, settled, name=f"close unanswered {closes_at:%a %d %b %H:%M} UTC"
        ):
            self.unanswered = True
            self._question = None
        if not self.waiting:
            self.closes_at = None
