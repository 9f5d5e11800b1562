"""A pausable SLA clock: a budget, the time already consumed, and whether it runs; every due date is derived from that.

Budget and consumed time are the truth, never a target instant, so that pauses, policy changes and re-openings cannot
lose or invent time (D12).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.calendars import BusinessCalendar
from billing.policy.sla import Budget


class Milestone(StrEnum):
    """What a clock can reach before it is met; each is reached once and recorded."""

    WARNING = "warning"
    BREACH = "breach"


class Clock(BaseModel):
    """One SLA clock. `running_since` None means paused or met; `met_at` set means it stopped for good."""

    model_config = ConfigDict(frozen=True)

    name: str
    budget: Budget
    warn_at: Decimal
    consumed: timedelta = timedelta(0)
    running_since: AwareDatetime | None = None
    met_at: AwareDatetime | None = None
    reached: tuple[Milestone, ...] = ()

    @property
    def paused(self) -> bool:
        """Whether it neither runs nor was met; also true before it was ever started."""
        return self.running_since is None and self.met_at is None

    def started(self, now: datetime) -> Self:
        """Running from `now` on; a clock that runs or was met stays as it is."""
        return self if not self.paused else self._with(running_since=now)

    def stopped(self, now: datetime, calendar: BusinessCalendar) -> Self:
        """Paused at `now` with the time since the last start consumed; a paused or met clock stays as it is."""
        if self.running_since is None:
            return self
        return self._with(consumed=self.spent(now, calendar), running_since=None)

    def met(self, now: datetime, calendar: BusinessCalendar) -> Self:
        """Stopped for good at `now`; meeting it twice keeps the first moment."""
        return self if self.met_at else self.stopped(now, calendar)._with(met_at=now)

    def reopened(self) -> Self:
        """Ready to run again after a re-opening, with everything consumed and reached before still counted."""
        return self._with(met_at=None, running_since=None)

    def under(self, budget: Budget) -> Self:
        """The same clock under another budget: consumed time stays, milestones not yet due may be reached again."""
        return self._with(
            budget=budget, reached=tuple(m for m in self.reached if self.consumed >= self.share(m, budget))
        )

    def marked(self, milestone: Milestone) -> Self:
        """With `milestone` on record; a breach implies that its warning can no longer come."""
        implied = tuple(Milestone) if milestone is Milestone.BREACH else (milestone,)
        return self._with(reached=tuple(m for m in Milestone if m in self.reached or m in implied))

    def spent(self, now: datetime, calendar: BusinessCalendar) -> timedelta:
        """Time consumed up to `now`, in the budget's own kind of time."""
        if self.running_since is None:
            return self.consumed
        return self.consumed + calendar.passed(self.budget.counts, self.running_since, now)

    def next_milestone(self, calendar: BusinessCalendar) -> tuple[Milestone, datetime] | None:
        """What this running clock reaches next and when (UTC, perhaps already past); None when paused, met or breached."""
        if self.running_since is None:
            return None
        for milestone in Milestone:
            if milestone not in self.reached:
                return milestone, self.moment_of(milestone, calendar)
        return None

    def late(self, now: datetime, calendar: BusinessCalendar) -> Milestone | None:
        """The gravest milestone that a running clock has passed at `now` and that is not on record; None when there is
        none."""
        if self.running_since is None:
            return None
        passed = (m for m in reversed(Milestone) if m not in self.reached and self.moment_of(m, calendar) <= now)
        return next(passed, None)

    def due(self, calendar: BusinessCalendar) -> datetime | None:
        """When the budget is used up if nothing pauses the clock (UTC); None while it is paused or once it is met."""
        return self.moment_of(Milestone.BREACH, calendar) if self.running_since else None

    def moment_of(self, milestone: Milestone, calendar: BusinessCalendar) -> datetime:
        """When a running clock reaches the milestone if nothing pauses it (UTC)."""
        assert self.running_since is not None  # noqa: S101 - callers ask only running clocks
        left = self.share(milestone, self.budget) - self.consumed
        return calendar.after(self.budget.counts, self.running_since, left)

    def share(self, milestone: Milestone, budget: Budget) -> timedelta:
        """How much of `budget` is used when `milestone` is reached."""
        return budget.amount if milestone is Milestone.BREACH else budget.amount * float(self.warn_at)

    def _with(self, **changes: object) -> Self:
        return self.model_copy(update=changes)
