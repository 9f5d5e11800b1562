"""The letters about reconciliations: differences, duplicates that wait for a decision, and one that was not finished."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.emails import DuplicatesFound, Payload, ReconciliationDiffers, ReconciliationNotFinished

_CASE = "reconciliation/2026-10/2026-11-21"
_DUPLICATE = (
    "inv-2026-10-tarnwick / in_1R7fK2: a second invoice for inv-2026-10-tarnwick, open (USD 812.40). "
    "Keep the first; void this one with a reason."
)


def reconciliation_payloads() -> dict[str, Payload]:
    """Every template and variant by its name; differences are sentences already."""
    differs = ReconciliationDiffers(
        case_id=_CASE,
        reconciliation_id="2026-10/2026-11-21",
        period="2026-10",
        outcome="1,204 documents against 1,204 invoices: 1 document missing at the provider, 1 duplicate",
        beyond=2,
        totals=("USD 412008.77 in the books, USD 411960.67 at the provider, USD 1672.90 apart",),
        worst=(
            "inv-2026-10-brackenfield: in the books, not at the provider (USD 860.50). "
            "Push it again: run the month end of its period again, for what failed only.",
            _DUPLICATE,
        ),
    )
    duplicates = DuplicatesFound(
        case_id=_CASE,
        reconciliation_id="2026-10/2026-11-21",
        period="2026-10",
        count=1,
        duplicates=(_DUPLICATE,),
        decide_by=datetime(2026, 11, 26, 7, 0, tzinfo=UTC),
    )
    return {
        "reconciliation_differs": differs,
        "duplicates_found": duplicates,
        "duplicates_found.reminder": duplicates.model_copy(update={"reminder": 2, "count": 14}),
        "reconciliation_not_finished": ReconciliationNotFinished(
            case_id=_CASE,
            period="2026-10",
            step="read the provider's invoices",
            what_happened="Stripe does not accept our API key (HTTP 401): set RUNBOOKS_STRIPE_API_KEY to a valid key",
        ),
    }
