"""Who used the tenant's keys: each API key and network of the period against the key's own past (D5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

from adapters.postgres.evidence.fact_rows import Fact, FactRows, rows_of
from adapters.postgres.evidence.inquiry import Inquiry
from billing.evidence import KeyUsage
from billing.periods import Span, trailing
from billing.policy.detection import UsagePolicy

# Of an event whose request was never logged.
UNKNOWN_NETWORK = "unknown"

# A trace may be logged more than once, by a retry or a redirect; its first request tells where it came from.
_ATTRIBUTED = text("""
    insert into fact_rows (fact, meter, api_key_id, network, event_id, event_time, quantity)
    select :fact, event.meter, event.api_key_id, coalesce(request.network, :unknown), event_id, event_time, quantity
    from usage_events as event
    left join (
        select distinct on (trace_id) trace_id, network from request_logs
        where tenant_id = :tenant and requested_at >= :around_from and requested_at < :around_until
        order by trace_id, requested_at
    ) as request on request.trace_id = event.trace_id
    where event.tenant_id = :tenant and event.meter = any(:meters)
        and event.event_time >= :starts and event.event_time < :ends
""")

_OFF_HOURS = """
    case
        when cast(:off_from as time) > cast(:off_until as time)
            then clock >= cast(:off_from as time) or clock < cast(:off_until as time)
        else clock >= cast(:off_from as time) and clock < cast(:off_until as time)
    end
"""

_HABITS = text(f"""
    select meter, api_key_id, network, max(quantity) as peak, sum(off_hours) as off_hours
    from (
        select meter, api_key_id, network, cast(local_time as date) as day, sum(quantity) as quantity,
            coalesce(sum(quantity) filter (where {_OFF_HOURS}), 0) as off_hours
        from fact_rows
        cross join lateral (select event_time at time zone cast(:zone as text) as local_time) as local
        cross join lateral (select cast(local_time as time) as clock) as wall
        where fact = :fact
        group by meter, api_key_id, network, cast(local_time as date)
    ) as daily
    group by meter, api_key_id, network
""")  # noqa: S608 - composed of constants

_BASELINES = text("""
    select meter, api_key_id, round(sum(quantity) / :baseline_days, 6) as daily from usage_events
    where tenant_id = :tenant and meter = any(:meters) and event_time >= :past_from and event_time < :starts
    group by meter, api_key_id
""")

# Without any logged past nothing can be said to be new.
_FIRST_SEEN = text("""
    with past as (
        select distinct network from request_logs
        where tenant_id = :tenant and requested_at >= :past_from and requested_at < :starts
    ),
    known as (
        select network from past
        union select network from authentication_logs where tenant_id = :tenant and succeeded and at < :starts
    )
    select distinct network from fact_rows
    where fact = :fact and network <> :unknown and exists (select from past)
        and not exists (select from known where known.network = fact_rows.network)
""")

_FAILED = text("""
    select api_key_id, network, count(*) as failed from authentication_logs
    where tenant_id = :tenant and not succeeded and at >= :starts and at < :ends
    group by api_key_id, network
""")

_REPORTED = text("select api_key_id from api_keys where tenant_id = :tenant and reported_compromised_at is not null")


def gather_key_usage(connection: Connection, inquiry: Inquiry) -> None:
    """Every event of the period under its key and the network its request came from."""
    connection.execute(_ATTRIBUTED, _parameters(inquiry))


def key_usage(connection: Connection, inquiry: Inquiry, policy: UsagePolicy) -> tuple[KeyUsage, ...]:
    """One fact for each meter, key and network. The baseline is the key's ordinary day wherever it was used from: a new
    network has no past of its own, so against itself anything would be a spike."""
    parameters = _parameters(inquiry) | {
        "zone": inquiry.zone,
        "past_from": trailing(inquiry.period, policy.baseline_days).start,
        "baseline_days": policy.baseline_days,
        "off_from": policy.off_hours_from,
        "off_until": policy.off_hours_until,
    }
    habits = {(row.meter, row.api_key_id, row.network): row for row in connection.execute(_HABITS, parameters)}
    baselines = {(row.meter, row.api_key_id): row.daily for row in connection.execute(_BASELINES, parameters)}
    new_networks = set(connection.execute(_FIRST_SEEN, parameters).scalars())
    failed = {(row.api_key_id, row.network): row.failed for row in connection.execute(_FAILED, parameters)}
    reported = set(connection.execute(_REPORTED, parameters).scalars())
    return tuple(
        _usage(
            found,
            habits[found.meter, found.api_key_id, found.network],
            baseline_daily_quantity=baselines.get((found.meter, found.api_key_id), 0),
            first_seen_network=found.network in new_networks,
            failed_authentications=failed.get((found.api_key_id, found.network), 0),
            reported_compromised=found.api_key_id in reported,
        )
        for found in rows_of(connection, Fact.KEY_USAGE)
    )


def _usage(found: FactRows, habit: Any, **facts: Any) -> KeyUsage:
    return KeyUsage(
        api_key_id=found.api_key_id,
        network=found.network,
        meter=found.meter,
        quantity=found.quantity,
        peak_daily_quantity=habit.peak,
        off_hours_share=round(habit.off_hours / found.quantity, 6) if found.quantity else 0,
        active=Span(start=found.first_time, end=found.last_time + timedelta(microseconds=1)),
        rows=found.rows,
        **facts,
    )


def _parameters(inquiry: Inquiry) -> dict[str, Any]:
    return inquiry.parameters | {"fact": Fact.KEY_USAGE, "unknown": UNKNOWN_NETWORK}
