"""The desk of an invoice's retries: what its parent and people may say to them, and how they show themselves."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.operators import Operators, Permission
from billing.declines import Advice
from billing.failures import FailureCode
from billing.money import Money
from billing.payment_schedule import next_charge_at
from billing.payments import (
    MAY_CHARGE,
    AttemptOrder,
    AttemptResult,
    CardUpdated,
    ManualAttempt,
    OpenedRetry,
    Origin,
    Outcome,
    Pause,
    RetryOrder,
    RetryPhase,
    RetryStory,
)
from billing.policy.payments import PaymentPolicy
from billing.wording import timed
from workflows.blocks.case import Runbook
from workflows.blocks.steps import RECORD, step
from workflows.blocks.story import latest_lines


@dataclass
class Asked:
    """An operator's attempt: what they asked for, and what they are answered once it is tried."""

    attempt: ManualAttempt
    result: AttemptResult | None = None


class PaymentRetryDesk(Runbook):
    """State and messages of the retries of one invoice; the procedure itself is in `workflows.payment_retry`."""

    def __init__(self, order: RetryOrder) -> None:
        super().__init__()
        self.order = order
        self.opened: OpenedRetry | None = None
        self.next_step = "read how the invoice stands"
        self.remaining: Money | None = None
        self.tried: dict[Origin, int] = {}
        self.last: AttemptResult | None = None
        # The schedule: charges made, when the last one was, since when it is owed, and how long it stood still.
        self.made = 0
        self.last_tried_at: datetime | None = None
        self.owed_since: datetime | None = None
        self.stood_still = timedelta(0)
        self.stopped = self.delayed = False
        self.advice: Advice | None = None
        # What ended it, if anything did: paid, or nothing that could be charged.
        self.settled: RetryPhase | None = None
        # Nothing is tried before; a hold or a dispute is in the way, or a repair is waited for.
        self.held_until: datetime | None = None
        self.times_held = 0
        self.rests = order.paused
        self.paused_at = workflow.now() if order.paused else None
        # What was said to it and is not done yet.
        self.asked: deque[Asked] = deque()
        self.new_card = self.stirred = self.told_over = False
        self.new_method: str | None = None
        self.method_since: datetime | None = None
        self.in_doubt: AttemptOrder | None = None
        self._cards_seen: set[str] = set()

    @workflow.signal(
        description="Try nothing by itself until resumed, or nothing but new cards: a dispute, a hold, a promise"
    )
    def pause(self, pause: Pause) -> None:
        self.note(f"paused: {pause.why}")
        self.rests = pause
        self.paused_at = self.paused_at or workflow.now()

    @workflow.signal(description="Go on; the time that it stood still does not count")
    def resume(self) -> None:
        if self.paused_at is not None:
            self.stood_still += workflow.now() - self.paused_at
            self.note("goes on")
        self.rests = self.paused_at = self.held_until = None
        self.stirred = True

    @workflow.signal(description="The customer has a new way to pay")
    def card_updated(self, card: CardUpdated) -> None:
        if card.event_id not in self._cards_seen:
            self._cards_seen.add(card.event_id)
            if card.chosen and card.payment_method == self.new_method:
                return
            self.new_card, self.held_until = True, None
            self.new_method, self.method_since = card.payment_method, card.occurred_at
            through = "" if self.may_charge_card else ", and no more of them are charged by themselves"
            self.note(f"the customer has a new way to pay{through}")

    @workflow.signal(
        description="Something changed at the provider: read the invoice anew; owed again, it is chased again"
    )
    def look(self) -> None:
        self.stirred, self.held_until, self.told_over = True, None, False

    @workflow.signal(name="over", description="Nobody chases the debt any more")
    def be_over(self) -> None:
        self.told_over = True

    @workflow.update(description="Charge what is due now, without moving the schedule")
    async def attempt_now(self, attempt: ManualAttempt) -> AttemptResult:
        await workflow.wait_condition(lambda: self.opened is not None)
        permission = Permission(operator_id=attempt.by, roles=MAY_CHARGE, deed="charge a customer")
        if problem := await step(Operators.objection, permission, allowance=RECORD, summary="check the permission"):
            raise ApplicationError(problem, type=FailureCode.INVALID, non_retryable=True)
        self._refuse_when_over()
        self._refuse_too_many()
        if self.in_doubt is not None:
            self.stirred, self.held_until = True, None
            return AttemptResult(outcome=Outcome.HELD, words=f"{_barred(self.in_doubt)}: it is looked up now")
        asked = Asked(attempt)
        self.asked.append(asked)
        self.note(f"{attempt.by} has it charged now: {attempt.reason}")
        await workflow.wait_condition(lambda: asked.result is not None or self.over)
        if asked.result is None:
            raise _over(self.order.invoice_id)
        return asked.result

    @attempt_now.validator
    def _may_attempt(self, attempt: ManualAttempt) -> None:
        self._refuse_when_over()
        if self.opened is not None:
            self._refuse_too_many()

    @workflow.query(description="Phase, next charge, what remains, what was tried; times are moments")
    def story(self) -> RetryStory:
        return RetryStory(
            invoice_id=self.order.invoice_id,
            number=self.opened.receivable.number if self.opened else self.order.invoice_id,
            tenant_id=self.order.tenant_id,
            phase=self.phase,
            next_step=self.next_step,
            next_at=self.next_at,
            needs_human=self.needs_human,
            remaining=self.remaining,
            paused=self.rests.why if self.rests else None,
            tried=self.tried,
            last=self.last,
            timeline=tuple(self.timeline.lines),
        )

    @property
    def policy(self) -> PaymentPolicy:
        """As it was when the invoice was taken up; asked only after that."""
        assert self.opened is not None  # noqa: S101 - asked only after it was opened
        return self.opened.policy

    @property
    def may_charge_card(self) -> bool:
        """Whether a new way to pay is charged by itself: events of the same card could go on for ever."""
        charged = self.tried.get(Origin.CARD_UPDATE, 0)
        return self.opened is None or charged < self.policy.card_updates_at_most

    @property
    def cards_rest(self) -> bool:
        """Whether even a new way to pay waits until it goes on."""
        return self.rests is not None and not self.rests.schedule_only

    @property
    def phase(self) -> RetryPhase:
        """Where it stands, from what has happened so far."""
        if self.settled is not None:
            return self.settled
        if self.stopped:
            return RetryPhase.STOPPED
        return RetryPhase.RETRYING if self.opened is None or self._scheduled() else RetryPhase.EXHAUSTED

    @property
    def next_at(self) -> datetime | None:
        """The next charge by itself; None when there is none, or while it is paused."""
        if self.rests or self.settled or self.stopped:
            return None
        scheduled = self._scheduled()
        return max(scheduled, self.held_until) if scheduled and self.held_until else scheduled

    def show(self) -> None:
        workflow.set_current_details(as_markdown(self.story()))
        self.labels.show(stage=self.phase.value, next_action_at=self.next_at, needs_human=self.needs_human)

    def _scheduled(self) -> datetime | None:
        if self.opened is None or self.owed_since is None or self.order.alone:
            return None
        if not self.opened.receivable.charged_automatically:
            return None
        return next_charge_at(
            self.policy,
            self.made,
            self.owed_since,
            self.last_tried_at,
            stood_still=self.stood_still,
            delayed=self.delayed,
        )

    def _refuse_when_over(self) -> None:
        if self.over or (self.told_over and self.in_doubt is None):
            raise _over(self.order.invoice_id)

    def _refuse_too_many(self) -> None:
        taken = self.tried.get(Origin.MANUAL, 0) + len(self.asked)
        if taken >= self.policy.manual_at_most:
            raise _conflict(
                f"{self.order.invoice_id} was charged by hand {taken} times, and no more are allowed: ask the customer for "
                "another way to pay"
            )


def as_markdown(story: RetryStory) -> str:
    """Phase, what remains, the next charge and why it waits, what was tried, and the latest lines."""
    tried = ", ".join(f"{count} {origin.replace('_', ' ')}" for origin, count in story.tried.items())
    parts = [
        f"## {story.phase.value}{' · needs a person' if story.needs_human else ''}{' · paused' if story.paused else ''}",
        f"**Next:** {story.next_step}",
        f"**Due:** {story.remaining} on {story.number}" if story.remaining else "",
        f"**Next charge:** {timed(story.next_at)}" if story.next_at else "",
        f"**Waits:** {story.paused}" if story.paused else "",
        f"**Tried:** {tried}" if tried else "",
        f"**Last:** {story.last.words}" if story.last else "",
        latest_lines(story.timeline),
    ]
    return "\n\n".join(part for part in parts if part)


def _barred(order: AttemptOrder) -> str:
    return f"nobody knows yet what became of {order.op_key}, which bars a second charge"


def _over(invoice_id: str) -> ApplicationError:
    return _conflict(f"the retries of {invoice_id} are over: ask again")


def _conflict(words: str) -> ApplicationError:
    return ApplicationError(words, type=FailureCode.CONFLICT, non_retryable=True)
