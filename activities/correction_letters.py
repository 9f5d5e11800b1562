"""What is written about a correction that was carried out: to the customer with the documents, or to finance."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.invoice_correction import OpenedCorrection
from activities.invoicing_ports import DocumentPress
from activities.letters import Letters, Notice, Posted
from activities.ports import TenantDirectory
from billing.authority import Role
from billing.correction_emails import InvoiceCorrected, InvoiceVoided, InvoiceWrittenOff
from billing.emails import Attachment, Letter, Recipient
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import CorrectionReceipt, Deed


class CorrectionToTell(BaseModel):
    """A correction that was carried out, and what it came to."""

    model_config = ConfigDict(frozen=True)

    opened: OpenedCorrection
    receipt: CorrectionReceipt


@dataclass(frozen=True)
class CorrectionLetters:
    """The verb of telling; each letter leaves once, whatever interrupts it."""

    letters: Letters
    tenants: TenantDirectory
    press: DocumentPress

    @activity.defn(name="tell_corrected", no_thread_cancel_exception=True)
    def tell(self, done: CorrectionToTell) -> Posted:
        """Write to the customer, with the credit note and the corrected invoice as PDF; of a write-off only finance hears.

        Raises PROVIDER_BUSY or UNAVAILABLE while the mail server cannot take it.
        """
        if done.receipt.deed is Deed.WRITE_OFF:
            order = done.opened.order
            return self.letters.notify(
                Notice(case_id=order.case_id, name="written-off", role=Role.FINANCE, payload=_written_off(done))
            )
        return self.letters.post_once(self._letter(done))

    def _letter(self, done: CorrectionToTell) -> Letter:
        opened, receipt = done.opened, done.receipt
        tenant = self.tenants.find(opened.tenant_id)
        if tenant is None:
            raise BillingFailure(FailureCode.NOT_FOUND, f"tenant {opened.tenant_id} is not in the books")
        documents = (receipt.credit_note_number, receipt.corrected_invoice_number)
        return Letter(
            op_key=f"{opened.order.case_id}/letter/{receipt.deed}",
            case_id=opened.order.case_id,
            tenant_id=tenant.tenant_id,
            to=Recipient(name=tenant.name, email=tenant.billing_email, locale=tenant.locale, zone=tenant.zone),
            payload=_voided(done) if receipt.deed is Deed.VOID else _corrected(done),
            attachments=tuple(self._attached(number) for number in documents if number),
        )

    def _attached(self, number: str) -> Attachment:
        printed, sha256, _ = self.press.pdf(number)
        return Attachment(number=printed, sha256=sha256)


def _corrected(done: CorrectionToTell) -> InvoiceCorrected:
    receipt = done.receipt
    return InvoiceCorrected(
        number=done.opened.number,
        credit=receipt.amount,
        lowered_due=receipt.lowered_due or None,
        refunded=receipt.refunded or None,
        to_balance=receipt.to_balance or None,
        credit_note_number=receipt.credit_note_number,
        corrected_invoice_number=receipt.corrected_invoice_number,
        reason=done.opened.order.reason,
    )


def _voided(done: CorrectionToTell) -> InvoiceVoided:
    return InvoiceVoided(
        number=done.opened.number,
        due=done.receipt.lowered_due,
        handed_back=done.receipt.to_balance or None,
        reason=done.opened.order.reason,
    )


def _written_off(done: CorrectionToTell) -> InvoiceWrittenOff:
    order = done.opened.order
    return InvoiceWrittenOff(
        case_id=order.case_id,
        tenant_id=done.opened.tenant_id,
        number=done.opened.number,
        amount=done.receipt.amount,
        ordered_by=order.requested_by,
        reason=order.reason,
    )
