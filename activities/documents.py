"""Printing issued documents, and sending them to whom they are for."""

from dataclasses import dataclass

from temporalio import activity

from activities.invoicing_ports import DocumentPress, InvoiceCourier
from billing.month_end import BatchResult, ShardOrder


@dataclass(frozen=True)
class Documents:
    """The verbs for documents that are issued already: nothing here changes one."""

    press: DocumentPress
    courier: InvoiceCourier

    @activity.defn(name="print_documents", no_thread_cancel_exception=True)
    def print(self, batch: ShardOrder) -> BatchResult:
        """Print what the batch's tenants were issued and keep each hash."""
        return self.press.print(batch.run_id, batch.shard, activity.heartbeat)

    @activity.defn(name="deliver_invoices", no_thread_cancel_exception=True)
    def deliver(self, batch: ShardOrder) -> BatchResult:
        """Send each of them by email, once; an undeliverable one is left with why."""
        return self.courier.deliver(batch.run_id, batch.shard, activity.heartbeat)
