"""Issued documents by email: each once, with its PDF, whatever interrupts the round."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from activities.letters import Letters, Posted
from activities.ports import Heartbeat
from billing.emails import Attachment, InvoiceIssued, Letter, Recipient
from billing.failures import BillingFailure
from billing.money import Money
from billing.month_end import BatchResult, LeftDocument, Shard, case_id, delivery_op_key

_TOLD_EVERY = 10


class DocumentToDeliver(BaseModel):
    """An issued document that is printed and known to the provider, with whom it goes to. `first_day` and `last_day` both
    belong to its service period; `bill` tells it from an earlier, void one; `held` says why it must not leave now."""

    model_config = ConfigDict(frozen=True)

    period: str
    tenant_id: str
    bill: str
    number: str
    sha256: str
    to: Recipient
    first_day: date
    last_day: date
    total: Money
    due: Money
    due_on: date
    charged_automatically: bool
    held: str | None = None

    @property
    def op_key(self) -> str:
        """One letter a document, whatever run delivers it."""
        return delivery_op_key(self.period, self.bill)


class DeliveryBook(Protocol):
    """What is to be delivered, read for a whole batch at once."""

    def undelivered(self, run_id: str, batch: Shard) -> tuple[DocumentToDeliver, ...]:
        """The documents of the run's period in the range that were not delivered, by tenant."""


@dataclass(frozen=True)
class Courier:
    """Satisfies `InvoiceCourier`."""

    book: DeliveryBook
    letters: Letters

    def deliver(self, run_id: str, batch: Shard, heartbeat: Heartbeat) -> BatchResult:
        """One that cannot leave now keeps no other waiting: the batch is finished first, then tried again."""
        waiting = self.book.undelivered(run_id, batch)
        left: list[LeftDocument] = []
        failures: list[BillingFailure] = []
        for done, document in enumerate(waiting, start=1):
            try:
                why = document.held or self._send(document)
            except BillingFailure as failure:
                failures.append(failure)
                why = failure.for_us
            if why:
                left.append(LeftDocument(tenant_id=document.tenant_id, number=document.number, why=why))
            if done % _TOLD_EVERY == 0:
                heartbeat(f"{done} of {len(waiting)} documents looked after")
        if passing := [failure for failure in failures if not failure.final]:
            raise passing[0]
        return BatchResult(done=len(waiting) - len(left), left=tuple(left))

    def _send(self, document: DocumentToDeliver) -> str | None:
        """Why the letter did not leave, or None."""
        posted = self.letters.post_once(_letter(document))
        return None if posted is Posted.SENT else f"the letter to {document.tenant_id}: {posted}"


def _letter(document: DocumentToDeliver) -> Letter:
    return Letter(
        op_key=document.op_key,
        case_id=case_id(document.period),
        tenant_id=document.tenant_id,
        to=document.to,
        payload=InvoiceIssued(
            number=document.number,
            first_day=document.first_day,
            last_day=document.last_day,
            total=document.total,
            due=document.due,
            due_on=document.due_on,
            charged_automatically=document.charged_automatically,
        ),
        attachments=(Attachment(number=document.number, sha256=document.sha256),),
    )
