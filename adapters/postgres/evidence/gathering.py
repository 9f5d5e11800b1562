"""The evidence plan of each category: which facts a dispute needs, and nothing gathered beyond them (D1, D5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from sqlalchemy import Connection

from activities.ports import DisputeScope
from adapters.postgres.evidence import counting, key_usage
from adapters.postgres.evidence.fact_rows import count_fact_rows
from adapters.postgres.evidence.inquiry import Inquiry
from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.evidence.quality import quality
from billing.disputes import Category
from billing.evidence import DayTotal, UsageFacts
from billing.policy.bundle import Policy


def gather(
    connection: Connection,
    scope: DisputeScope,
    inquiry: Inquiry,
    totals: Sequence[DayTotal],
    policy: Policy,
    pulse: Pulse,
) -> UsageFacts:
    """The facts of the scope's category; the rows behind them stand in `fact_rows` afterwards, counted and hashed."""
    facts = UsageFacts(currency=scope.tenant.currency, period=inquiry.period)
    match scope.category:
        case Category.USAGE_CALCULATION:
            return facts.model_copy(update={"day_totals": tuple(totals)} | _counting(connection, inquiry, pulse))
        case Category.UNAUTHORIZED_USAGE:
            return facts.model_copy(update={"day_totals": tuple(totals)} | _keys(connection, inquiry, policy, pulse))
        case Category.SERVICE_QUALITY:
            return facts.model_copy(update=_service(connection, inquiry, pulse))
        case Category.PRICING:
            count_fact_rows(connection)
            return facts.model_copy(update={"day_totals": tuple(totals)})
    assert_never(scope.category)


def _counting(connection: Connection, inquiry: Inquiry, pulse: Pulse) -> dict[str, object]:
    pulse.note("looking for events that were counted twice")
    counting.gather_duplicates(connection, inquiry)
    pulse.note("looking for requests without an event")
    counting.gather_missing(connection, inquiry)
    pulse.note("looking for events on the wrong side of the period")
    counting.gather_misdated(connection, inquiry)
    count_fact_rows(connection)
    return {
        "duplicates": counting.duplicates(connection),
        "missing": counting.missing(connection),
        "misdated": counting.misdated_events(connection, inquiry),
    }


def _keys(connection: Connection, inquiry: Inquiry, policy: Policy, pulse: Pulse) -> dict[str, object]:
    pulse.note("looking at who used the keys")
    key_usage.gather_key_usage(connection, inquiry)
    count_fact_rows(connection)
    return {"key_usage": key_usage.key_usage(connection, inquiry, policy.usage)}


def _service(connection: Connection, inquiry: Inquiry, pulse: Pulse) -> dict[str, object]:
    pulse.note("measuring errors and latency")
    count_fact_rows(connection)
    windows, whole = quality(connection, inquiry)
    return {"quality": windows, "quality_overall": whole}
