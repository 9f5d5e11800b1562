"""What the service was like: requests, server errors and latency of each hour, and the hours an outage touched (D5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from adapters.postgres.evidence.inquiry import Inquiry
from billing.evidence import QualityWindow
from billing.periods import Span

HOUR = timedelta(hours=1)

# Hours are counted from the start of the period, since not every zone begins its days on a full hour of UTC. The row
# without an hour is the whole period.
_MEASURED = text("""
    select date_bin('1 hour', requested_at, :starts) as hour, count(*) as requests,
        count(*) filter (where status >= 500) as errors,
        percentile_disc(array[0.5, 0.95, 0.99]) within group (order by latency_ms) as latencies
    from request_logs
    where tenant_id = :tenant and meter = any(:meters) and requested_at >= :starts and requested_at < :ends
    group by grouping sets ((1), ())
    order by hour nulls first
""")

_OUTAGES = text("""
    select greatest(started_at, :starts) as starts, least(coalesce(ended_at, :ends), :ends) as ends from outages
    where started_at < :ends and coalesce(ended_at, :ends) > :starts
        and (meter is null or meter = any(:meters))
        and (
            route is null or exists (
                select from request_logs as request
                where request.tenant_id = :tenant and request.meter = any(:meters) and request.route = outages.route
                    and request.requested_at >= :starts and request.requested_at < :ends
            )
        )
""")


def quality(connection: Connection, inquiry: Inquiry) -> tuple[tuple[QualityWindow, ...], QualityWindow | None]:
    """The hours with requests or an outage, and the whole period in one window; None when nothing was requested."""
    whole, *hours = connection.execute(_MEASURED, inquiry.parameters).mappings()
    outages = {hour for row in connection.execute(_OUTAGES, inquiry.parameters) for hour in _touched(row, inquiry)}
    measured = {row["hour"]: row for row in hours}
    windows = tuple(
        _window(_hour(hour, inquiry), measured.get(hour), outage=hour in outages)
        for hour in sorted(measured.keys() | outages)
    )
    return windows, _window(inquiry.period, whole, outage=bool(outages)) if whole["requests"] else None


def _touched(outage: Any, inquiry: Inquiry) -> Iterator[datetime]:
    """The starts of the period's hours that the outage overlaps."""
    hour = inquiry.period.start + (outage.starts - inquiry.period.start) // HOUR * HOUR
    while hour < outage.ends:
        yield hour
        hour += HOUR


def _hour(start: datetime, inquiry: Inquiry) -> Span:
    return Span(start=start, end=min(start + HOUR, inquiry.period.end))


def _window(span: Span, measured: Any, *, outage: bool) -> QualityWindow:
    if measured is None:
        return QualityWindow(span=span, requests=0, errors=0, p50_ms=0, p95_ms=0, p99_ms=0, outage=outage)
    p50, p95, p99 = measured["latencies"]
    return QualityWindow(
        span=span,
        requests=measured["requests"],
        errors=measured["errors"],
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        outage=outage,
    )
