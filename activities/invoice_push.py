"""Bringing issued documents to the payment provider, batch by batch on a lane of its own."""

from dataclasses import dataclass

from temporalio import activity

from activities.invoicing_ports import InvoicePush
from billing.month_end import BatchResult, ShardOrder


@dataclass(frozen=True)
class InvoicePushing:
    """The verb on the provider's own lane, whose rate is kept for all workers together."""

    invoices: InvoicePush

    @activity.defn(name="push_invoices", no_thread_cancel_exception=True)
    def push(self, batch: ShardOrder) -> BatchResult:
        """Bring what the batch's tenants were issued to the provider, each document once (P6)."""
        return self.invoices.push(batch.run_id, batch.shard, activity.heartbeat)
