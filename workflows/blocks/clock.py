"""The SLA clocks of a case: pausable, warned before they breach, each visible as a named timer in the Temporal UI.

A warning and a breach are facts that are announced; they never stop a case (D12).
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from temporalio import workflow

from billing.calendars import BusinessCalendar
from billing.cases import ClockView
from billing.clocks import Clock, Milestone
from workflows.blocks.waiting import wait_for, wait_until

Announce = Callable[[Clock, Milestone, datetime], None]


class SlaClocks:
    """Holds the clocks by name and watches each one; `stop` ends the watching."""

    def __init__(self, clocks: Iterable[Clock], calendar: BusinessCalendar) -> None:
        self._clocks = {clock.name: clock for clock in clocks}
        self._calendar = calendar
        self._changes = dict.fromkeys(self._clocks, 0)
        self._over = False

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which the policy names the clocks."""
        return tuple(self._clocks)

    def snapshot(self) -> tuple[Clock, ...]:
        """The clocks with everything consumed up to now, as the register keeps them for a re-opening."""
        now = workflow.now()
        return tuple(clock.stopped(now, self._calendar) for clock in self._clocks.values())

    def start(self, since: datetime) -> None:
        """Run every paused clock from `since` on."""
        self._change({name: clock.started(since) for name, clock in self._clocks.items()})

    def pause(self) -> None:
        """Stop every running clock; what it consumed stays consumed."""
        now = workflow.now()
        self._change({name: clock.stopped(now, self._calendar) for name, clock in self._clocks.items()})

    def meet(self, name: str) -> None:
        """A clock has done its duty; unknown names are a mistake in the runbook."""
        self._change({name: self._clocks[name].met(workflow.now(), self._calendar)})

    def catch_up(self) -> list[tuple[Clock, Milestone]]:
        """Put on record what running clocks have passed already and return it, to be told at once instead of clock by
        clock."""
        now = workflow.now()
        passed = [(clock, late) for clock in self._clocks.values() if (late := clock.late(now, self._calendar))]
        self._change({clock.name: clock.marked(milestone) for clock, milestone in passed})
        return passed

    def next_due(self) -> datetime | None:
        """The nearest moment at which a running clock is used up, for lists of what is about to breach."""
        dues = [due for clock in self._clocks.values() if (due := clock.due(self._calendar)) is not None]
        return min(dues, default=None)

    def due(self, name: str) -> datetime | None:
        """When the clock is used up (UTC); None while it stands still or once it is met."""
        return self._clocks[name].due(self._calendar)

    def views(self) -> tuple[ClockView, ...]:
        """As people see them: moments, and shares of the budget as of now."""
        return tuple(self._view(clock) for clock in self._clocks.values())

    def stop(self) -> None:
        """Let every watcher end."""
        self._over = True
        self._change(dict(self._clocks))

    async def watch(self, name: str, announce: Announce) -> None:
        """Announce the milestones of one clock as it reaches them, until it is met or the case is over."""
        while not self._over and self._clocks[name].met_at is None:
            await self._watch_once(name, announce)
        self._announce_late(name, announce)

    def _announce_late(self, name: str, announce: Announce) -> None:
        """A clock that was met only after its time was up is breached all the same, even if its timer never rang."""
        clock = self._clocks[name]
        if clock.met_at and clock.consumed > clock.budget.amount and Milestone.BREACH not in clock.reached:
            self._clocks[name] = clock.marked(Milestone.BREACH)
            announce(self._clocks[name], Milestone.BREACH, clock.met_at)

    async def _watch_once(self, name: str, announce: Announce) -> None:
        """Wait for the clock's next milestone or for a change of the clock, whichever comes first."""
        seen = self._changes[name]

        def changed() -> bool:
            return self._changes[name] != seen

        coming = self._clocks[name].next_milestone(self._calendar)
        if coming is None:
            return await wait_for(changed)
        milestone, moment = coming
        label = _label(name, milestone, self._clocks[name].moment_of(Milestone.BREACH, self._calendar))
        if await wait_until(moment, changed, name=label):
            # After an outage the end of the budget may have passed as well: then the warning would come too late.
            gravest = self._clocks[name].late(workflow.now(), self._calendar) or milestone
            self._clocks[name] = self._clocks[name].marked(gravest)
            announce(self._clocks[name], gravest, moment)
        return None

    def _change(self, clocks: dict[str, Clock]) -> None:
        for name, clock in clocks.items():
            if clock != self._clocks[name] or self._over:
                self._clocks[name] = clock
                self._changes[name] += 1

    def _view(self, clock: Clock) -> ClockView:
        now = workflow.now()
        share = clock.spent(now, self._calendar) / clock.budget.amount
        return ClockView(
            name=clock.name,
            state=_state(clock),
            due=clock.due(self._calendar),
            share_used=Decimal(str(round(share, 2))),
        )


def _label(name: str, milestone: Milestone, due: datetime) -> str:
    when = f"{due:%a %d %b %H:%M} UTC"
    return f"SLA {name} due {when}" if milestone is Milestone.BREACH else f"SLA {name} warning, due {when}"


def _state(clock: Clock) -> str:
    late = Milestone.BREACH in clock.reached
    if clock.met_at:
        return "met late" if late else "met"
    if late:
        return "breached"
    return "running" if clock.running_since else "paused"
