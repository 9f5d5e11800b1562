"""The letters to operators about usage: what a day's validation and an hour's check found, or that they were not done."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from billing.emails import Payload, UsageToLookAt
from billing.overage_emails import OverageReview, UsageLimitsNotChecked

_CASE = "usage-validation/2026-11-20"


def usage_payloads() -> dict[str, Payload]:
    """Every template and variant by its name."""
    return {
        "usage_to_look_at": UsageToLookAt(
            case_id=_CASE,
            first="2026-10-16",
            last="2026-11-19",
            summary="12 days disagree with the raw events, 1 event id stands under several times and 3 rows wait in quarantine",
            disagreeing=12,
            findings=("tarnwick, tokens_in, 2026-11-10: 1,200 rolled up from 40 events, 1,300 stored in 41 events",),
            repeated=1,
            repeated_events=(
                "00000000-0000-0000-0000-00000000002a of tarnwick, tokens_in: "
                "2026-11-10 12:00:00 and 2026-11-10 19:00:00 UTC",
            ),
            waiting=3,
        ),
        "usage_to_look_at.failed": UsageToLookAt(
            case_id=_CASE,
            first="2026-11-19",
            last="2026-11-19",
            summary="Postgres is not available: the connection was refused",
            failed=True,
        ),
        "overage_review": OverageReview(
            case_id="usage-limits/acme/2026-11-01",
            tenant_id="acme",
            meter="api_calls",
            percent=100,
            used=Decimal("10412.5"),
            included=Decimal(10_000),
            period_ends=datetime(2026, 12, 1, 5, tzinfo=UTC),
        ),
        "usage_limits_not_checked": UsageLimitsNotChecked(
            case_id="usage-limits/2026-11-21T09:00",
            what_happened="Postgres is not available: the connection was refused",
        ),
    }
