"""What letters about a corrected invoice may say; the other payloads are in `billing.emails`, under the same rules."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from billing.money import Money


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InvoiceCorrected(_Payload):
    """To the customer, with the credit note and the corrected invoice attached where there are any: what is given back on
    an issued invoice. The parts that are zero are None; `reason` as whoever ordered it wrote it."""

    template: Literal["invoice_corrected"] = "invoice_corrected"
    number: str
    credit: Money
    lowered_due: Money | None
    refunded: Money | None
    to_balance: Money | None
    credit_note_number: str | None
    corrected_invoice_number: str | None
    reason: str


class InvoiceVoided(_Payload):
    """To the customer: an invoice that need not be paid. `handed_back` are earlier credits that it had used up."""

    template: Literal["invoice_voided"] = "invoice_voided"
    number: str
    due: Money
    handed_back: Money | None
    reason: str


class InvoiceWrittenOff(_Payload):
    """To finance: what is still due on an invoice was given up; the customer is not written to."""

    template: Literal["invoice_written_off"] = "invoice_written_off"
    case_id: str
    tenant_id: str
    number: str
    amount: Money
    ordered_by: str
    reason: str
