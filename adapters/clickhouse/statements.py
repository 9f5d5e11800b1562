"""What is said to ClickHouse; every value is bound by the server, none is written into a statement."""

from __future__ import annotations

# Where events are expected: one row an event, several times the same one at worst. `final` counts each once.
TABLE = """
    create table {table:Identifier} (
        event_id UUID,
        tenant_id LowCardinality(String),
        event_time DateTime64(6, 'UTC'),
        meter LowCardinality(String),
        quantity Decimal(24, 6)
    )
    engine = ReplacingMergeTree partition by toYYYYMM(event_time)
    order by (tenant_id, meter, event_time, event_id)
"""

# A day is read off the tenants' own clock; sums leave as text, since JSON's numbers are not exact.
DAY_TOTALS = """
    select tenant_id, meter, toString(toDate(event_time, {zone:String})) as day, toString(sum(quantity)) as quantity,
        toUInt32(count()) as events
    from {table:Identifier} final
    where tenant_id in {tenants:Array(String)}
        and event_time >= {starts:DateTime64(6, 'UTC')} and event_time < {ends:DateTime64(6, 'UTC')}
    group by tenant_id, meter, toDate(event_time, {zone:String})
    order by tenant_id, meter, day
    format JSONEachRow
"""
