"""What runs beside a dispute: the SLA clocks, the 48-hour updates, the question to the customer, and moving on."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

from billing import letters
from billing.authority import Role
from billing.cases import Ending, Opening, Pattern, Question, SimilarCase, Stage
from billing.clocks import Clock, Milestone
from workflows.blocks.clock import SlaClocks
from workflows.blocks.steps import words_of
from workflows.blocks.waiting import wait_for, wait_until
from workflows.dispute_desk import DisputeDesk

Done = TypeVar("Done")

# From here on the customer has the answer, or gets it next: no more regular updates.
_ANSWERED = {Stage.NOTIFY, Stage.RECORD, Stage.CLOSED}


class EndedEarlyError(Exception):
    """The customer withdrew or stayed silent: the procedure stops where it is."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending


class DisputeWatch(DisputeDesk):
    """The waiting of a dispute; nothing here decides anything about money."""

    def begin(self, opening: Opening) -> None:
        """Start the clocks from the moment the ticket (or its re-opening) was opened and label the case."""
        since = opening.reopening.opened_at if opening.reopening else self.ticket.opened_at
        budgets = self.case.policy.sla.budgets(self._tier)
        earlier = {clock.name: clock for clock in self.case.clocks}
        fresh = (
            Clock(name=name, budget=budget, warn_at=self.case.policy.sla.warn_at) for name, budget in budgets.items()
        )
        clocks = (earlier.get(clock.name, clock).under(clock.budget) for clock in fresh)
        self.clocks = SlaClocks(clocks, self.case.calendar)
        self.clocks.start(min(since, workflow.now()))
        late = self.clocks.catch_up()
        if self.customer.waiting:
            self.clocks.pause()
        self.labels.show(
            runbook="dispute",
            tenant=self.ticket.tenant_id,
            tier=self._tier,
            category=self.ticket.category,
            severity=self.case.severity,
        )
        again = f", re-opened by {opening.reopening.by}: {opening.reopening.reason}" if opening.reopening else ""
        self.note(
            f"opened for {self.ticket.tenant_id}, {self.ticket.period} (policy {self.case.policy.version}){again}"
        )
        if late:
            self._announce_together(late)

    def watchers(self) -> list[Coroutine[Any, Any, None]]:
        """One for each clock, one for the regular updates, one for questions to the customer."""
        clocks = [self.clocks.watch(name, self._announce) for name in self.clocks.names]
        return [*clocks, self._update_regularly(), self.customer.chase(self.case.policy.disputes, self._write_question)]

    def stop_watching(self) -> None:
        """End the clocks and the questions too."""
        super().stop_watching()
        self.clocks.stop()
        self.customer.stop()

    async def enter(self, stage: Stage, next_step: str, *, needs_human: bool = False) -> None:
        """Move to a stage, unless the case has ended; waits first while the customer is asked something."""
        await self.customer_has_answered()
        self.move(stage, next_step, needs_human=needs_human)

    def move(self, stage: Stage, next_step: str, *, needs_human: bool = False) -> None:
        """Be at a stage, whether or not the customer is being asked something."""
        self.stage, self.next_step, self.needs_human = stage, next_step, needs_human
        self.show()

    async def customer_has_answered(self) -> None:
        """Go on at once, or when the open question is answered; raises when the case ends instead."""
        if self.customer.waiting:
            self.show()
            await wait_for(lambda: not self.customer.waiting or self.ended_early())
        if self.withdrawn:
            raise EndedEarlyError(Ending.WITHDRAWN)
        if self.customer.unanswered:
            raise EndedEarlyError(Ending.UNANSWERED)

    def ended_early(self) -> bool:
        """Whether the customer withdrew, or stayed silent for too long."""
        return self.withdrawn or self.customer.unanswered

    def overtaken(self) -> bool:
        """Whether events have answered the question: a new judgement or escalation, a withdrawal, a silent customer."""
        return self.superseded() or self.ended_early()

    async def hand_over(self, step_name: str, what_happened: str) -> None:
        """Ask people to repair something and wait until one says it is done. While nothing is committed, a new judgement
        ends the wait too, and so does the customer's withdrawal or silence, with which the case ends."""
        self.repaired = False
        self.needs_human = True
        self.next_step = f"a person repairs: {what_happened}"
        self.note(f"handed over to a person: {what_happened}")
        notice = letters.handed_over(self.case, step_name, what_happened)
        self.hand_overs += 1
        self.post(self.write_to_operators(f"handed-over-{self.hand_overs}", Role.LEAD, notice))
        await wait_for(lambda: self.repaired or (self.overtaken() and not self.committed))
        self.needs_human, self.repaired = False, True
        if not self.committed:
            await self.customer_has_answered()

    async def with_help(self, step_name: str, attempt: Callable[[], Awaitable[Done]]) -> Done:
        """Do a step; when it fails for good, hand it over and do it again once it is repaired: no case is ever lost."""
        while True:
            try:
                return await attempt()
            except ActivityError as error:
                await self.hand_over(step_name, words_of(error))

    async def _update_regularly(self) -> None:
        began, every = workflow.now(), self.case.policy.sla.update_every
        number = 1
        while await wait_until(began + number * every, lambda: self.over, name=f"update {number} to the customer"):
            if not self.customer.waiting and self.stage not in _ANSWERED:
                self.post(self._update(number))
            number += 1

    async def _update(self, number: int) -> None:
        promised = self.clocks.due("resolution")
        letter = letters.update(self.case, self.stage, self.next_step, promised)
        if await self.write_to_customer(f"update-{number}", letter):
            self.note(f"update {number} to the customer")

    async def _escalate_too(self, earlier: SimilarCase) -> None:
        """Let an earlier case of the pattern know; one that has ended meanwhile has nothing left to be escalated."""
        case = workflow.get_external_workflow_handle(earlier.case_id)
        try:
            await case.signal(DisputeDesk.joins_pattern, Pattern(shown_by=self.case.case_id))
        except FailureError:
            self.note(f"{earlier.case_id} ended before it could be escalated too")

    def _write_question(self, question: Question, number: int, reminder: int, closes_at: datetime) -> None:
        self.post(self._ask_by_letter(question, number, reminder, closes_at))
        self.show()

    async def _ask_by_letter(self, question: Question, number: int, reminder: int, closes_at: datetime) -> None:
        letter = letters.asked(self.case, question, reminder, closes_at)
        sent = await self.write_to_customer(f"asked-{number}-{reminder}", letter)
        if reminder and sent:
            self.note(f"reminded the customer ({reminder})")
        if not (reminder or sent or self.over) and self.customer.take_back(number):
            self._could_not_ask()

    def _could_not_ask(self) -> None:
        """Nobody waits, with the clocks standing still, for an answer to a question that did not arrive."""
        self.clocks.start(workflow.now())
        what_happened = "the question did not reach the customer"
        self.note(f"{what_happened}; the clocks run")
        notice = letters.handed_over(self.case, "ask the customer", what_happened)
        self.post(self.write_to_operators(f"not-asked-{self.customer.asked}", Role.LEAD, notice))

    def _announce(self, clock: Clock, milestone: Milestone, moment: datetime) -> None:
        due = clock.due(self.case.calendar) or moment
        self.note(_sla(clock, milestone, due))
        self._alert(clock.name.replace(" ", "-"), milestone, {clock.name: due})

    def _announce_together(self, late: list[tuple[Clock, Milestone]]) -> None:
        """What was late before the case could begin: one line, and one letter to each role it concerns."""
        dues = {clock.name: clock.moment_of(Milestone.BREACH, self.case.calendar) for clock, _ in late}
        told = "; ".join(_sla(clock, milestone, dues[clock.name]) for clock, milestone in late)
        self.note(f"late already: {told}")
        for milestone in Milestone:
            if those := {clock.name: dues[clock.name] for clock, passed in late if passed is milestone}:
                self._alert("at-the-opening", milestone, those)

    def _alert(self, name: str, milestone: Milestone, dues: dict[str, datetime]) -> None:
        breached = milestone is Milestone.BREACH
        alert = letters.sla_alert(self.case, dues, breached=breached, stage=self.stage, next_step=self.next_step)
        self.post(self.write_to_operators(f"sla-{name}-{milestone}", Role.VP if breached else Role.LEAD, alert))

    @property
    def _tier(self) -> Any:
        assert self.case.tenant is not None  # noqa: S101 - a case without a tenant is turned away before it begins
        return self.case.tenant.tier


def _sla(clock: Clock, milestone: Milestone, due: datetime) -> str:
    return (
        f"SLA {clock.name} {'breached' if milestone is Milestone.BREACH else 'warning'}, due {due:%Y-%m-%d %H:%M} UTC"
    )
