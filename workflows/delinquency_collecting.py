"""Collecting the invoices of a recovery: one `payment-retry` child for each, which rests while its chase must not go on."""

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from billing.delinquency import Debt
from billing.payments import CARD_UPDATED, LOOK, OVER, PAUSE, PAYMENT_RETRY, RESUME, CardUpdated, Pause, RetryOrder
from billing.recovery import Chase
from billing.recovery_steps import rest_of
from workflows.blocks.pauses import RETRIES_REPORT_WITHIN
from workflows.blocks.waiting import wait_until
from workflows.delinquency_desk import DelinquencyDesk


class DelinquencyCollecting(DelinquencyDesk):
    """The children outlive a run of the case that is continued, so they are addressed by their names."""

    async def collect(self) -> None:
        """Have every debt collected, let rest what must rest, and let go what is settled."""
        debts = {debt.invoice_id: debt for debt in self.stands.debts}
        for invoice_id in [one for one in self.chases if one not in debts]:
            await self._tell(invoice_id, OVER)
            del self.chases[invoice_id]
        for debt in debts.values():
            await self._collect(debt, rest_of(debt, self.stands, self.sees.held_by))
        await self._try_new_cards()

    async def retries_report(self) -> None:
        """Have each say how it stands before anybody is written to: whether and when it is charged again."""

        def reported() -> bool:
            return self.stirred or all(chase.reported for chase in self.chases.values())

        at = workflow.now() + RETRIES_REPORT_WITHIN
        if not reported() and await wait_until(at, reported, name="the retries say how they stand"):
            self.chases = {name: one.model_copy(update={"reported": True}) for name, one in self.chases.items()}

    async def let_go(self) -> None:
        """Nothing is collected any more."""
        for invoice_id in list(self.chases):
            await self._tell(invoice_id, OVER)
            del self.chases[invoice_id]

    async def _collect(self, debt: Debt, rests: Pause | None) -> None:
        chase = self.chases.get(debt.invoice_id)
        if chase is None:
            self.chases[debt.invoice_id] = Chase(invoice_id=debt.invoice_id, paused=rests)
            await self._begin(debt, rests)
        elif chase.paused != rests:
            self.chases[debt.invoice_id] = chase.model_copy(update={"paused": rests})
            await self._tell(debt.invoice_id, PAUSE, rests) if rests else await self._resume(debt)

    async def _resume(self, debt: Debt) -> None:
        await self._tell(debt.invoice_id, RESUME)

    async def _begin(self, debt: Debt, rests: Pause | None) -> None:
        """What must rest from the start is begun all the same, so that it hears of a new card."""
        order = self._order(debt.invoice_id).model_copy(update={"paused": rests})
        try:
            await workflow.start_child_workflow(
                PAYMENT_RETRY,
                order,
                id=order.workflow_id,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"collect {debt.number}",
            )
        except WorkflowAlreadyStartedError:  # somebody had it charged by hand before the case began; it tells no parent
            self.chases[debt.invoice_id] = Chase(invoice_id=debt.invoice_id, paused=rests, reported=True)
            await self._tell(debt.invoice_id, LOOK)
            await (self._tell(debt.invoice_id, PAUSE, rests) if rests else self._resume(debt))

    async def _try_new_cards(self) -> None:
        """A new way to pay is tried at once with everything that may be charged, and with the rest once that goes on."""
        cards, self.cards = self.cards, []
        for card in cards:
            at_once = any(chase.tries_cards for chase in self.chases.values())
            self.note(f"a new payment method: tried {'at once' if at_once else 'when the chase goes on'}")
            for invoice_id in list(self.chases):
                await self._tell(invoice_id, CARD_UPDATED, card)

    def _order(self, invoice_id: str) -> RetryOrder:
        return RetryOrder(
            tenant_id=self.order.tenant_id,
            invoice_id=invoice_id,
            episode=self.case.episode,
            case_id=self.case.case_id,
        )

    async def _tell(self, invoice_id: str, signal: str, *content: Pause | CardUpdated) -> None:
        """One that has ended meanwhile has nothing left to hear."""
        child = workflow.get_external_workflow_handle(self._order(invoice_id).workflow_id)
        try:
            await child.signal(signal, args=list(content))
        except FailureError:
            return
