"""Copies of the recovery runbook as a next release could have it: one change guarded, and the same one without a guard."""

from temporalio import workflow

from activities.delinquency import Delinquencies
from billing.recovery import DelinquencyOrder, Ending
from workflows.blocks.records import noted
from workflows.delinquency import Delinquency


class _Introduced(Delinquency):
    """Asks who the customer is before anything else, and says so; once more when it ends."""

    introduces = False

    async def run_changed(self, order: DelinquencyOrder) -> Ending:
        if self.introduces:
            await self._look_up("before the case is opened")
        return await Delinquency.run(self, order)

    async def _close(self, ending: Ending) -> Ending:
        if self.introduces:
            await self._look_up("before the case is closed")
        return await super()._close(ending)

    async def _look_up(self, when: str) -> None:
        await noted(Delinquencies.debtor, self.order.tenant_id, summary=f"who it is, {when}")
        self.note(f"the customer was looked up {when}")


@workflow.defn(name="delinquency")
class GuardedDelinquency(_Introduced):
    """The change as it has to be deployed."""

    @workflow.init
    def __init__(self, order: DelinquencyOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: DelinquencyOrder) -> Ending:
        self.introduces = workflow.patched("introduce-the-customer")
        return await self.run_changed(order)


@workflow.defn(name="delinquency")
class UnguardedDelinquency(_Introduced):
    """The same change as it must never be deployed."""

    introduces = True

    @workflow.init
    def __init__(self, order: DelinquencyOrder) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: DelinquencyOrder) -> Ending:
        return await self.run_changed(order)
