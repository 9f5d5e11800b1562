"""The roll-up made anew: raw events of each local day, against what the roll-up job stored and the window it read."""

from __future__ import annotations

from sqlalchemy import Connection, text

from adapters.postgres.evidence.inquiry import Inquiry
from billing.evidence import DayTotal

# One range of the covering index for each day, so that no event's day is computed; a window is read again only where it
# differs from the tenant's day.
_DAY_TOTALS = text("""
    with local_day as (
        select * from unnest(cast(:days as date[]), cast(:day_starts as timestamptz[]), cast(:day_ends as timestamptz[]))
            as local_day(day, starts, ends)
    ),
    disputed as (select unnest(cast(:meters as text[])) as meter)
    select local_day.day, disputed.meter, raw.quantity as raw_quantity, raw.events as raw_events,
        case
            when stored.day is null then 0
            when stored.window_start = starts and stored.window_end = ends then raw.quantity
            else windowed.quantity
        end as windowed_quantity,
        coalesce(stored.quantity, 0) as rolled_up_quantity
    from local_day
    cross join disputed
    left join usage_daily as stored
        on stored.tenant_id = :tenant and stored.meter = disputed.meter and stored.day = local_day.day
    cross join lateral (
        select coalesce(sum(quantity), 0) as quantity, count(*) as events from usage_events as event
        where event.tenant_id = :tenant and event.meter = disputed.meter
            and event.event_time >= starts and event.event_time < ends
    ) as raw
    cross join lateral (
        select coalesce(sum(quantity), 0) as quantity from usage_events as event
        where event.tenant_id = :tenant and event.meter = disputed.meter
            and event.event_time >= stored.window_start and event.event_time < stored.window_end
            and (stored.window_start <> starts or stored.window_end <> ends)
    ) as windowed
    where raw.events > 0 or stored.day is not null
    order by local_day.day, disputed.meter
""")


def day_totals(connection: Connection, inquiry: Inquiry) -> tuple[DayTotal, ...]:
    """One total for each day and disputed meter that has events or a roll-up; a day that was never rolled up has zero."""
    rows = connection.execute(_DAY_TOTALS, inquiry.parameters | inquiry.day_parameters).mappings()
    return tuple(DayTotal.model_validate(dict(row)) for row in rows)
