"""Recover what a tenant owes: from the first failed payment to full service, or after months to the purge's gate.

    open ─ look ─ collect ─ wait ─┬─ its time has come: take the next step ─┐
      │     ▲                     └─ something stirred ─────────────────────┤
      │     └───────────────────────────────────────────────────────────────┘
      │     ├─► nothing is owed any more: restore at once ─► recovered · written off
      │     └─► its data is being deleted: handed to the retention purge
      └─► nothing was owed: not delinquent

The endings are `billing.recovery.Ending`. Which step is next and when is `billing.ladder`'s to say; payments are collected
by a `payment-retry` child for each invoice. A hold, a dispute, a promise or an exemption lets the case wait.
"""

from datetime import datetime

from temporalio import workflow

from activities.delinquency import Delinquencies
from billing.delinquency import Action, ActionKind
from billing.ladder import next_action
from billing.ladder_moves import exemption_over
from billing.recovery import CASE, DelinquencyOrder, Ending
from billing.recovery_letters import RestoredBecause
from billing.recovery_steps import is_silent, settled_as
from billing.wording import timed
from workflows.blocks.records import noted
from workflows.blocks.waiting import wait_until
from workflows.delinquency_ladder import DelinquencyLadder

# Several times what a recovery of three weeks takes: only a case that waits for long gets there.
_EVENTS_A_RUN = 500


@workflow.defn(name=CASE)
class Delinquency(DelinquencyLadder):
    """Everything one tenant owes: workflow id `delinquency/<tenant>`, one episode after the other."""

    @workflow.init
    def __init__(self, order: DelinquencyOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: DelinquencyOrder) -> Ending:
        """From the first failed payment until nothing is owed any more, or nothing can be done any more."""
        self.labels.show(runbook=CASE, tenant=order.tenant_id)
        await self._open()
        while (ending := await self._ended()) is None:
            await self.ease()
            await self.collect()
            await self.retries_report()
            if action := await self._due():
                await self._take(action)
            self._go_on_in_a_new_run_if_long()
        return await self._close(ending)

    async def _open(self) -> None:
        if self.opened is None:
            self.opened = await self.with_help(lambda: noted(Delinquencies.open, self.order, summary="open the case"))
            self.note(f"opened for {self.order.tenant_id} (policy {self.opened.policy.version})")

    async def _ended(self) -> Ending | None:
        """How the case ends as the world is now; None as long as something is owed and can be collected."""
        if self.stirred or self.seen is None:
            await self.look()
        if not await self.is_spared():
            return Ending.HANDED_TO_PURGE
        if self.stands.debts:
            return None
        return settled_as(self.sees.receivables, self.once_owed)[0] if self.once_owed else Ending.NOT_DELINQUENT

    async def _due(self) -> Action | None:
        """Wait for the next step, or for something to happen; None when something stirred, or nothing was to be done."""
        if self.stirred:
            return None
        action = next_action(self.stands, self.dunning, workflow.now())
        self.announce_debts(action)
        announced = self.announcement()
        until = min(moment for moment in (action and action.at, announced, self._look_again(action)) if moment)
        self.plan(action)
        await self.put_on_record()
        came = await wait_until(until, lambda: self.stirred, name=f"{self.next_step} {timed(until)}")
        if action and until == action.at:
            return action if came else None
        self.stirred = self.stirred or until != announced
        return None

    async def _take(self, action: Action) -> None:
        match action.kind:
            case ActionKind.PROMISE_DUE:
                await self.look(fresh=True)
                if self.stands.debts:
                    await self.break_promise()
            case ActionKind.EXEMPTION_OVER:
                self.note("the exemption is over")
                self.standing = exemption_over(self.stands, workflow.now())
            case _ if is_silent(action):
                self.has_done(action)
            case _:
                await self.climb(action)

    async def _close(self, ending: Ending) -> Ending:
        """Restore what was limited, let the children go, and put the ending on record."""
        await self.keep_promise()
        if self.is_limited and ending is not Ending.HANDED_TO_PURGE:
            await self.give_back(self.settled_by)
        self.ending = ending
        await self.let_go()
        self.note(f"ended: {ending}")
        self.next_step, self.next_at = "nothing", None
        await self.put_on_record()
        await self._begin_anew_if_owed()
        return ending

    async def _begin_anew_if_owed(self) -> None:
        """Letters may take a day to leave: what was heard since nothing was owed belongs to the next episode."""
        owed = False
        await self.letters_have_left()
        while self.stirred and not owed and self.ending is not Ending.HANDED_TO_PURGE:
            self.stirred = False
            owed = await self.with_help(self.owes_again)
            await self.letters_have_left()
        if owed:
            workflow.continue_as_new(DelinquencyOrder(tenant_id=self.order.tenant_id, cards=tuple(self.cards)))

    @property
    def settled_by(self) -> RestoredBecause:
        """What ended the debts, for the customer."""
        return settled_as(self.sees.receivables, self.once_owed)[1]

    def _look_again(self, action: Action | None) -> datetime | None:
        """When to look without being told: a hold for everybody is released, and a dispute decided, without telling every
        case that waits for it; and whoever is limited must not stay so for weeks for a word that was lost."""
        if action and not (self.is_limited and action.at - workflow.now() > self.dunning.suspend_after):
            return None
        for_everybody = any(hold.for_everybody for hold in self.sees.held_by)
        return workflow.now() + (self.case.policy.payments.look_at_holds_every if for_everybody else self.dunning.day)

    def _go_on_in_a_new_run_if_long(self) -> None:
        """The history is long enough: go on in a new one, unless somebody is waited for or spoken to right now."""
        too_long = workflow.info().get_current_history_length() > _EVENTS_A_RUN
        if too_long and self.is_alone and not self.decided:
            workflow.continue_as_new(
                self.order.model_copy(update={"heard": None, "cards": (), "carried": self.carried()})
            )
