"""Letters that bring a document."""

from __future__ import annotations

from datetime import date

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
    return {"invoice_issued": charged, "invoice_issued.on_receipt": transferred}
