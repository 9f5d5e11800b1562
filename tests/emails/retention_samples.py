"""The letters about retention plans: one to confirm, one to approve, one that needs a repair, and how they end."""

from __future__ import annotations

from datetime import UTC, datetime

from billing.emails import Payload
from billing.retention import Ending
from billing.retention_emails import PurgeNews, RetentionNotice

_PLAN = "2026-11-23"


def retention_payloads() -> dict[str, Payload]:
    """No amounts, so that every currency has the same."""
    plain = RetentionNotice(
        news=PurgeNews.CONFIRM,
        case_id=f"retention/{_PLAN}",
        plan_id=_PLAN,
        plan_sha256="5d41402abc4b2a76b9719d911017c592ae2b1c0f3e6d7a8b9c0d1e2f3a4b5c6d",
        plan="2,184,667 rows of 2 customers and 1 month of raw data",
        spared=1,
        why="",
        until=datetime(2026, 11, 29, 12, tzinfo=UTC),
    )
    approve = {
        "news": PurgeNews.APPROVE,
        "why": f"May {plain.plan} be deleted for good? finance-1@ops.example confirmed plan {_PLAN}.",
        "approval_id": f"retention/{_PLAN}/purge/a1",
    }
    over = {"news": PurgeNews.OVER, "until": None}
    return {
        "retention_notice.confirm": plain,
        "retention_notice.reminder": plain.model_copy(update={"reminder": 1, "spared": 0}),
        "retention_notice.approve": plain.model_copy(update=approve),
        "retention_notice.repair": plain.model_copy(
            update={
                "news": PurgeNews.REPAIR,
                "until": None,
                "why": "evidence files cannot be deleted: Permission denied",
            }
        ),
        "retention_notice.deleted": plain.model_copy(
            update=over | {"ending": Ending.DELETED, "why": "2,184,667 rows deleted or redacted, nothing left"}
        ),
        "retention_notice.drifted": plain.model_copy(
            update=over
            | {
                "ending": Ending.DRIFTED,
                "why": "3 rows of api_keys of acme planned, 4 rows of api_keys of acme now",
            }
        ),
    }
