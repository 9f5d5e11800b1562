"""What operators are written about a correction of an issued invoice: the question, and a step that needs them."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.authority import Role
from billing.emails import ApprovalRequested, HandedOver, Payload
from billing.money import Money

_CASE = "correction/INV-2026-000123/k-1f3a5c7e"


def correction_payloads(currency: str) -> dict[str, Payload]:
    """Variants of the letters that disputes send too, with the commands of corrections."""
    amount = Money(minor=25_755, currency=currency)
    return {
        "approval_requested.correction": ApprovalRequested(
            approval_id=f"{_CASE}/credit/1/a1",
            case_id=_CASE,
            tenant_id="acme",
            role=Role.LEAD,
            amount=amount,
            recently_credited=Money(minor=7_500, currency=currency),
            question=(
                f"May {amount} of invoice INV-2026-000123 be given back? finance-1 says: Rated with another tier's prices."
            ),
            findings=(
                f"{amount} is not due any more.",
                f"A credit note over {amount} and a corrected invoice follow INV-2026-000123.",
            ),
            requested_by="finance-1",
            expires_at=datetime(2026, 11, 27, 16, 5, tzinfo=UTC),
        ),
        "handed_over.correction": HandedOver(
            case_id=_CASE,
            step="carry out",
            what_happened="Stripe did nothing: the charge has been refunded already (charge_already_refunded)",
            what_to_do="Repair the cause, then let the correction try again, or withdraw it.",
        ),
    }
