"""The letters about month ends: a review, a reminder of it, a hand-over, and runs that ended well, half and not at all."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.authority import Role
from billing.emails import Payload
from billing.run_emails import RunClosed, RunHandedOver, RunReviewRequested

_EXPIRES = datetime(2026, 11, 6, 5, 12, tzinfo=UTC)
_CASE = "month-end/2026-10"
_PARKED = ("brackenfield: no payment method is on record: ask the customer for one, then run the month end again",)
_TOTALS = (
    "EUR 98431.10 in 310 invoices; the period is 31.2 % above the previous one",
    "USD 412008.77 in 894 invoices; the period is 2.1 % below the previous one",
)


def run_payloads() -> dict[str, Payload]:
    """Every template and variant by its name; totals are sentences already."""
    return {
        **_reviews(),
        "run_handed_over": RunHandedOver(
            case_id=_CASE,
            period="2026-10",
            step="preflight",
            what_happened="api_calls reported nothing since 29 October: have its pipeline looked at",
        ),
        **_closings(),
    }


def _reviews() -> dict[str, Payload]:
    review = RunReviewRequested(
        approval_id=f"{_CASE}/review/run-1.1/a1",
        case_id=_CASE,
        run_id="2026-10#1",
        period="2026-10",
        role=Role.FINANCE,
        invoices="1,204 invoices",
        totals=_TOTALS,
        reasons=("2 drafts: more than the median allows", "EUR moved by 31.2 %, from EUR 75023.70 to EUR 98431.10"),
        flags=("tarnwick: USD 9310.00 is more than 3 times the median of USD 812.40",),
        flagged=2,
        stopped=_PARKED,
        stopped_count=1,
        question="May 1,204 invoices of 2026-10 be issued, EUR 98431.10 and USD 412008.77?",
        requested_by="runbook",
        expires_at=_EXPIRES,
    )
    return {
        "run_review_requested": review,
        "run_review_requested.reminder": review.model_copy(
            update={
                "reminder": 2,
                "requested_by": "finance-1",
                "flags": (),
                "flagged": 0,
                "stopped": (),
                "stopped_count": 0,
            }
        ),
    }


def _closings() -> dict[str, Payload]:
    closed = RunClosed(
        case_id=_CASE,
        run_id="2026-10#1",
        period="2026-10",
        ending="closed",
        why="",
        issued="1,204 invoices",
        reconciled="both agree",
        totals=_TOTALS,
        stopped=(),
        stopped_count=0,
        left=(),
        left_count=0,
    )
    return {
        "run_closed": closed,
        "run_closed.leftovers": closed.model_copy(
            update={
                "ending": "closed with parked tenants or documents",
                "stopped": _PARKED,
                "stopped_count": 14,
                "left": ("ACME-2026-000017 (tarnwick): Stripe refused it: the customer was deleted there",),
                "left_count": 1,
            }
        ),
        "run_closed.rejected": closed.model_copy(
            update={
                "ending": "rejected by finance",
                "why": "rejected by finance-1",
                "issued": "nothing",
                "reconciled": "",
            }
        ),
        "run_closed.not_accepted": closed.model_copy(
            update={
                "run_id": None,
                "ending": "not accepted",
                "why": "another run of 2026-10 is under way",
                "issued": "nothing",
                "totals": (),
                "reconciled": "",
            }
        ),
    }
