"""Letters that bring a document."""

from __future__ import annotations

from datetime import date

from billing.correction_emails import InvoiceCorrected, InvoiceVoided, InvoiceWrittenOff
from billing.emails import InvoiceIssued, Payload
from billing.money import Money


def document_payloads(currency: str) -> dict[str, Payload]:
    """An invoice that is charged by itself, and one that is paid on receipt, with an earlier credit taken off."""
    charged = InvoiceIssued(
        number="MSC-2026-000417",
        first_day=date(2026, 10, 1),
        last_day=date(2026, 10, 31),
        total=Money(minor=123_450, currency=currency),
        due=Money(minor=123_450, currency=currency),
        due_on=date(2026, 11, 1),
        charged_automatically=True,
    )
    transferred = charged.model_copy(
        update={
            "due": Money(minor=120_800, currency=currency),
            "due_on": date(2026, 12, 1),
            "charged_automatically": False,
        }
    )
    return {
        "invoice_issued": charged,
        "invoice_issued.on_receipt": transferred,
        **_corrections(currency),
    }


def _corrections(currency: str) -> dict[str, Payload]:
    """A credit note whose amount goes three ways, a small credit without a document, a void, and what finance is told."""
    corrected = InvoiceCorrected(
        number="MSC-2026-000417",
        credit=Money(minor=30_000, currency=currency),
        lowered_due=Money(minor=18_000, currency=currency),
        refunded=Money(minor=12_000, currency=currency),
        to_balance=None,
        credit_note_number="CN-2026-000031",
        corrected_invoice_number="MSC-2026-000417-R2",
        reason="calls of our own monitoring were counted",
    )
    small = {"credit": Money(minor=600, currency=currency), "to_balance": Money(minor=600, currency=currency)}
    without = dict.fromkeys(("lowered_due", "refunded", "credit_note_number", "corrected_invoice_number"))
    voided = InvoiceVoided(
        number="MSC-2026-000417",
        due=Money(minor=120_800, currency=currency),
        handed_back=Money(minor=2_650, currency=currency),
        reason="it was made out to the wrong company",
    )
    return {
        "invoice_corrected": corrected,
        "invoice_corrected.small": corrected.model_copy(update=without | small),
        "invoice_voided": voided,
        "invoice_voided.without_credits": voided.model_copy(update={"handed_back": None}),
        "invoice_written_off": InvoiceWrittenOff(
            case_id="correction/MSC-2026-000417/k-5f2c9a1b",
            tenant_id="acme",
            number="MSC-2026-000417",
            amount=Money(minor=120_800, currency=currency),
            ordered_by="finance-1@ops.example",
            reason="the company was dissolved",
        ),
    }
