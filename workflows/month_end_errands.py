"""What is done with issued documents: print, push, deliver, each for whom it is still to be done; then compare with Stripe."""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError

from activities.documents import Documents
from activities.invoice_push import InvoicePushing
from activities.month_end import MonthEnds, Page
from billing.holds import HeldEffect
from billing.month_end import LeftBehind, ShardOrder, Stage
from billing.policy.month_end import Errand
from billing.reconciling import ReconciliationOrder
from billing.wording import counted
from workflows.blocks.steps import BULK, DELIVERY, DOCUMENTS_OUT, step
from workflows.blocks.waiting import wait_until
from workflows.month_end_review import MonthEndReview
from workflows.month_end_work import words_of_range
from workflows.reconciliation import Reconciliation


class MonthEndErrands(MonthEndReview):
    """Errands may be repeated: each asks the books for whom it is still to be done, so a rerun does only what is left."""

    async def print_documents(self) -> None:
        """Print every document that was issued and keep its hash."""
        await self._run_errand(Errand.PRINT, Stage.PRINT, "print the documents", self._print_batch)

    async def push_documents(self) -> None:
        """Bring every document to the provider; what it does not take is tried again, then left for a person."""
        pauses = self.billing_run.policy.push_again_after
        while True:
            await self._run_errand(
                Errand.PUSH, Stage.PUSH, "bring the documents to the payment provider", self._push_batch
            )
            if Errand.PUSH not in self.left or not self.left[Errand.PUSH].count or self.pushes >= len(pauses):
                return
            again = workflow.now() + pauses[self.pushes]
            self.pushes += 1
            self.note(f"those are tried again {again:%a %d %b %H:%M} UTC")
            await wait_until(again, lambda: False, name=f"push what is left again {again:%a %d %b %H:%M} UTC")

    async def deliver_documents(self) -> None:
        """Send every document that the provider has to whom it is for, once nobody holds delivery for everybody."""
        if Errand.DELIVER in self.billing_run.policy.errands:
            self.enter(Stage.DELIVER, "send the invoices by email")
            await self.no_hold(HeldEffect.INVOICE_DELIVERY)
        await self._run_errand(Errand.DELIVER, Stage.DELIVER, "send the invoices by email", self._deliver_batch)

    async def _run_errand(
        self, errand: Errand, stage: Stage, doing: str, work: Callable[[ShardOrder], Awaitable[int]]
    ) -> None:
        """Run an errand for every document that needs it; what an earlier try left behind is counted anew."""
        if errand not in self.billing_run.policy.errands:
            return
        self.committed = True
        if not self.after:
            self.left[errand] = LeftBehind()
        self.enter(stage, doing, total=await self.waiting(errand))
        await self.through_all(work, self.billing_run.policy.batches_at_once, errand)
        if self.done:
            self.note(f"{stage}: {counted(self.done, 'document')}")
        if left := self.left[errand].count:
            self.note(f"{stage}: {counted(left, 'document')} left behind")

    async def waiting(self, errand: Errand) -> int:
        """How many documents of the period still need the errand."""
        page = Page(run_id=self.run_id, after="", count=0, errand=errand)
        return await self.with_help(
            lambda: step(MonthEnds.waiting, page, allowance=BULK, summary=f"count what is left to {errand}")
        )

    async def _print_batch(self, work: ShardOrder) -> int:
        printing = f"print {words_of_range(work)}"
        return self.count_left(
            Errand.PRINT,
            await self.with_help(lambda: step(Documents.print, work, allowance=BULK, summary=printing)),
        )

    async def _push_batch(self, work: ShardOrder) -> int:
        pushing = f"push {words_of_range(work)}"
        return self.count_left(
            Errand.PUSH,
            await self.with_help(lambda: step(InvoicePushing.push, work, allowance=DOCUMENTS_OUT, summary=pushing)),
        )

    async def _deliver_batch(self, work: ShardOrder) -> int:
        delivering = f"deliver {words_of_range(work)}"
        return self.count_left(
            Errand.DELIVER,
            await self.with_help(lambda: step(Documents.deliver, work, allowance=DELIVERY, summary=delivering)),
        )

    async def reconcile(self) -> None:
        """Compare with the provider in a case of its own; people hear of differences there. Here only the result counts."""
        if Errand.PUSH not in self.billing_run.policy.errands:
            return
        self.enter(Stage.RECONCILE, "compare our books with the provider's")
        order = ReconciliationOrder(
            period=self.order.period,
            occasion=f"run-{self.run_id.rpartition('#')[2]}",
            requested_by=self.order.requested_by,
            asks=False,
        )
        try:
            self.reconciled = await self._compared(order)
        except (WorkflowAlreadyStartedError, ChildWorkflowError):
            self.reconciled = "not known"
        self.note(f"compared with the provider as {order.case_id}: {self.reconciled}")

    async def _compared(self, order: ReconciliationOrder) -> str:
        comparing = await workflow.start_child_workflow(
            Reconciliation.run,
            order,
            id=order.case_id,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=f"reconciliation of {order.period}",
        )
        enough = workflow.now() + self.billing_run.policy.reconciled_within
        await wait_until(enough, comparing.done, name=f"wait no longer for {order.case_id} {enough:%H:%M} UTC")
        return await comparing if comparing.done() else "not known yet"
