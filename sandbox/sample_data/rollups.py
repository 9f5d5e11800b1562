"""The daily roll-ups: what the roll-up job would have written, its wrong clock for New York included."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, text

from sandbox.sample_data.defects import ROLLED_UP_WITH_WRONG_CLOCK, WRONG_CLOCK, WRONG_CLOCK_FROM
from sandbox.sample_data.roster import TENANTS
from sandbox.sample_data.streams import FIRST_DAY, LAST_DAY, Stream

# A day's window is drawn by one clock from end to end, as the job does it.
_ROLL_UP = """
    insert into usage_daily (tenant_id, meter, day, quantity, events, window_start, window_end, computed_at)
    select tenant_id, meter, day, total.quantity, total.events, window_start, window_end, window_end + interval '2 hours'
    from (
        select tenant_id, meter, cast(day as date) as day, day at time zone clock as window_start,
            (day + interval '1 day') at time zone clock as window_end
        from jsonb_to_recordset(cast(:series as jsonb)) as series(tenant_id text, meter text, zone text, misled boolean)
            cross join lateral generate_series(cast(:first as timestamp), :last, interval '1 day') as day
            cross join lateral (
                select case when misled and day >= :wrong_from then :wrong_clock else zone end as clock
            ) as job
        offset 0
    ) as window_read
    cross join lateral (
        select coalesce(sum(quantity), 0) as quantity, count(*) as events from usage_events as event
        where event.tenant_id = window_read.tenant_id and event.meter = window_read.meter
            and event_time >= window_start and event_time < window_end
    ) as total
"""


def roll_up(connection: Connection, streams: Sequence[Stream]) -> None:
    """Write the roll-up of every day and meter of the tenants that `streams` are about; days without usage hold zero."""
    series = [
        {
            "tenant_id": tenant_id,
            "meter": meter,
            "zone": TENANTS[tenant_id].zone,
            "misled": tenant_id in ROLLED_UP_WITH_WRONG_CLOCK,
        }
        for tenant_id, meter in sorted({(stream.tenant_id, stream.meter) for stream in streams})
    ]
    connection.execute(
        text(_ROLL_UP),
        {
            "series": json.dumps(series),
            "first": FIRST_DAY,
            "last": LAST_DAY,
            "wrong_from": WRONG_CLOCK_FROM,
            "wrong_clock": WRONG_CLOCK,
        },
    )
