"""Charge what fell due for the first time, once a day, and see what customers who pay on receipt left unpaid.

    list ─ charge, or read ─ tell the cases ─┬─ more: list
                                             └─ look up what nobody knew ─┬─► collected
                                                                          └─► nothing was due
      └─► the provider is away: not finished (tomorrow's does the rest)

The endings are `billing.payment_collection.Ending`. Invoices are finalised by us so that nobody else charges them; what is
declined here is collected by the tenant's case from then on.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.letters import Notice
from activities.payments import Payments
from billing.authority import RUNBOOK, Role
from billing.emails import HandedOver
from billing.failures import FailureCode
from billing.payment_collection import (
    COLLECTION,
    CollectionOrder,
    CollectionStory,
    DueInvoice,
    DuePage,
    Ending,
)
from billing.payments import AttemptOrder, AttemptResult, Origin, Outcome, RefreshOrder
from billing.policy.payments import PaymentPolicy
from billing.provider_events import News, NewsKind
from workflows.blocks.case import Runbook
from workflows.blocks.recovery_news import begun_with, heard_by_case
from workflows.blocks.steps import CHARGE, RECORD, code_of, step, words_of
from workflows.blocks.story import latest_lines
from workflows.blocks.waiting import wait_until

# So many are charged at a time; the lane keeps the pace for all workers.
_AT_ONCE = 5
# What nobody knew is looked up so often within the run; then the next day's does it.
_LOOK_UPS = 2
_FINAL = frozenset({FailureCode.NOT_FOUND, FailureCode.INVALID, FailureCode.CONFLICT})


@workflow.defn(name=COLLECTION)
class PaymentCollection(Runbook):
    """One day's collection: workflow id `payment-collection-<time>`, from the schedule."""

    @workflow.init
    def __init__(self, order: CollectionOrder) -> None:
        super().__init__()
        self.totals, self.after = order.totals, order.after
        self.next_step = "list what fell due"
        self.in_doubt: list[DueInvoice] = []
        self.ending: Ending | None = None

    @workflow.run
    async def run(self, order: CollectionOrder) -> Ending:
        self.labels.show(runbook=COLLECTION)
        try:
            while (page := await self._listed()).invoices:
                await self._collect(page.invoices, page.policy)
                self.after = page.invoices[-1].invoice_id
                if workflow.info().is_continue_as_new_suggested():
                    workflow.continue_as_new(CollectionOrder(after=self.after, totals=self.totals))
            for pause in page.policy.look_up_after[:_LOOK_UPS]:
                await self._look_up(pause, page.policy)
        except ActivityError as error:
            return await self._end(Ending.NOT_FINISHED, words_of(error))
        return await self._end(Ending.COLLECTED if self.totals.anything else Ending.NOTHING_DUE)

    @workflow.query(description="What was collected so far, and the timeline; times are moments")
    def story(self) -> CollectionStory:
        return CollectionStory(
            totals=self.totals,
            next_step=self.next_step,
            ending=self.ending,
            began_at=workflow.info().start_time,
            timeline=tuple(self.timeline.lines),
        )

    def show(self) -> None:
        story = self.story()
        parts = [f"**Next:** {story.next_step}", f"**So far:** {story.totals.in_words()}", latest_lines(story.timeline)]
        workflow.set_current_details("\n\n".join(parts))
        self.labels.show(needs_human=self.needs_human)

    async def _listed(self) -> DuePage:
        return await step(
            Payments.due, self.after, allowance=RECORD, summary=f"list what fell due after {self.after!r}"
        )

    async def _collect(self, due: Sequence[DueInvoice], policy: PaymentPolicy) -> None:
        """Charge some and read the others; whoever owes something then gets a case, if there is none."""
        self.next_step = f"collect {len(due)} invoices from {due[0].invoice_id} on"
        self.show()
        lanes = asyncio.Semaphore(_AT_ONCE)

        async def charged(one: DueInvoice) -> bool:
            async with lanes:
                return await self._charged(one, policy)

        to_charge = [one for one in due if one.charged]
        declined = await asyncio.gather(*(charged(one) for one in to_charge), return_exceptions=True)
        owes = [one for one, answer in zip(to_charge, declined, strict=True) if answer is True]
        owes += await self._read([one for one in due if not one.charged])
        for one in owes:
            await self._tell_case(one)
        self.note(self.totals.in_words())
        for answer in declined:
            if isinstance(answer, BaseException):
                raise answer

    async def _charged(self, one: DueInvoice, policy: PaymentPolicy) -> bool:
        """The original charge; True when it was declined, so that the customer owes it from now on."""
        order = AttemptOrder(
            tenant_id=one.tenant_id,
            invoice_id=one.invoice_id,
            origin=Origin.SCHEDULED,
            number=1,
            case_id=COLLECTION,
            requested_by=RUNBOOK,
        )
        try:
            result = await step(Payments.attempt, order, allowance=CHARGE, summary=f"charge {one.invoice_id}")
        except ActivityError as error:
            if code_of(error) not in _FINAL:
                raise
            self.note(f"{one.invoice_id} was not charged: {words_of(error)}")
            return False
        self._count(result)
        if result.for_a_person:
            self._hand_over_charge(one, result)
        if result.outcome is Outcome.UNKNOWN:
            self._doubt(one, result, policy)
        return result.outcome is Outcome.DECLINED

    def _count(self, result: AttemptResult) -> None:
        totals = self.totals
        match result.outcome:
            case Outcome.PAID | Outcome.PARTLY_PAID:
                self.totals = totals.model_copy(update={"paid": totals.paid + 1})
            case Outcome.DECLINED:
                self.totals = totals.model_copy(update={"declined": totals.declined + 1})
            case Outcome.UNKNOWN:
                self.totals = totals.model_copy(update={"unknown": totals.unknown + 1})
            case Outcome.HELD:
                self.totals = totals.model_copy(update={"held": totals.held + 1})
            case _:
                self.totals = totals.model_copy(update={"read": totals.read + 1})

    def _doubt(self, one: DueInvoice, result: AttemptResult, policy: PaymentPolicy) -> None:
        """It is looked up again, and bars any other charge; once that went on for as long as the policy says, a person
        looks."""
        self.in_doubt.append(one)
        patience = sum(policy.look_up_after, timedelta(0))
        if one.unknown_since is not None and workflow.now() - one.unknown_since > patience:
            self._hand_over_charge(one, result)

    def _hand_over_charge(self, one: DueInvoice, result: AttemptResult) -> None:
        todo = f"Look at the payment at the provider, then: runbooks payments retry {one.invoice_id}"
        name = f"{result.outcome}-{one.invoice_id}"
        self._hand_over(Role.FINANCE, name, f"charge {one.invoice_id}", result.words, todo)

    async def _read(self, due: Sequence[DueInvoice]) -> list[DueInvoice]:
        """How those stand that customers pay on receipt; answers whose day has passed."""
        if not due:
            return []
        order = RefreshOrder(invoice_ids=tuple(one.invoice_id for one in due))
        receivables = await step(Payments.refresh, order, allowance=CHARGE, summary=f"read {len(due)} invoices")
        self.totals = self.totals.model_copy(update={"read": self.totals.read + len(due)})
        owed = {receivable.invoice_id for receivable in receivables if receivable.is_debt}
        return [one for one in due if one.invoice_id in owed]

    async def _look_up(self, pause: timedelta, policy: PaymentPolicy) -> None:
        """Try those again whose outcome nobody knew: they are looked up first."""
        waiting, self.in_doubt = self.in_doubt, []
        if not waiting:
            return
        again = workflow.now() + pause
        self.next_step = f"look up {len(waiting)} charges {again:%a %d %b %H:%M} UTC"
        self.show()
        await wait_until(again, lambda: False, name=f"look charges up {again:%a %d %b %H:%M} UTC")
        self.totals = self.totals.model_copy(update={"unknown": self.totals.unknown - len(waiting)})
        await self._collect(waiting, policy)

    async def _tell_case(self, one: DueInvoice) -> None:
        """Start the tenant's case, else let it hear that something changed; the provider's event may have done it before."""
        news = News(
            kind=NewsKind.INVOICE,
            tenant_id=one.tenant_id,
            invoice_id=one.invoice_id,
            event_id=f"{COLLECTION}/{workflow.info().workflow_id}",
            occurred_at=workflow.now(),
        )
        if not await begun_with(news) and not await heard_by_case(news):
            await begun_with(news)  # the case ended in between, and there is a debt

    async def _end(self, ending: Ending, why: str = "") -> Ending:
        if ending is Ending.NOT_FINISHED:
            todo = "Nothing is lost: tomorrow's collection goes on. Look whether the payment provider answers."
            self._hand_over(Role.ENGINEERING, workflow.info().workflow_id, "collect what fell due", why, todo)
        self.ending, self.over, self.next_step = ending, True, "nothing"
        self.note(f"ended: {ending}{f', {why}' if why else ''}")
        await self.letters_have_left()
        return ending

    def _hand_over(self, role: Role, name: str, step_name: str, what_happened: str, what_to_do: str) -> None:
        """Let a person look; nothing waits for the letter."""
        payload = HandedOver(case_id=COLLECTION, step=step_name, what_happened=what_happened, what_to_do=what_to_do)
        self.post(self.notify(Notice(case_id=COLLECTION, name=name, role=role, payload=payload)))
