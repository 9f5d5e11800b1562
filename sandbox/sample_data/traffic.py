"""Three months of requests, drawn in the database: the events they were metered by and the log lines they left.

Nothing is left to chance: every value of a request comes from the SHA-256 of its stream, day and number, so that two
loads make the same rows, ids included. Statements work on whole sets; a row at a time would take minutes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, text

from sandbox.sample_data.defects import LOGGED_FROM, REPETITIONS, TROUBLES
from sandbox.sample_data.streams import Stream

# Days come first, so that events reach the indexes in the order of time, which is twice as fast as any other.
# `offset 0` keeps the planner from computing the hash again for each column. Of the hash, bytes 0-15 are the event's id,
# 16-31 the trace's; single bytes of them choose hour, minute, size, model, tool, latency and fate.
_DRAW = """
    create temp table drawn on commit drop as
    with stream as (
        select * from jsonb_to_recordset(cast(:streams as jsonb)) as stream(
            name text, tenant_id text, zone text, meter text, route text, per_day int, api_key_id text, network text,
            median float8, spread float8, grain float8, weekend float8, growth float8, hours text, paced boolean,
            first_day date, last_day date, models text[], tools text[], latency_ms int, logged boolean)
    ), day as (
        select stream.*, decode(hours, 'hex') as slots, day at time zone zone as midnight,
            name || '/' || cast(day as date) || '/' as series,
            case when paced then per_day else cast(
                per_day * case when extract(isodow from day) > 5 then weekend else 1 end
                * power(growth, cast(extract(month from day) as int) - 8)
                * (0.85 + 0.3 * get_byte(sha256(convert_to(name || cast(day as date), 'UTF8')), 0) / 255.0)
            as int) end as requests
        from stream
            cross join lateral generate_series(cast(first_day as timestamp), last_day, interval '1 day') as day
        order by day
    ), request as (
        select day.*, number, sha256(convert_to(series || number, 'UTF8')) as h
        from day cross join lateral generate_series(1, requests) as number
        offset 0
    ), placed as (
        select request.*,
            midnight + interval '1 millisecond' * case when paced then (number % 24) * 3600000 else
                get_byte(slots, get_byte(h, 1)) * 3600000
                + (get_byte(h, 3) * 65536 + get_byte(h, 4) * 256 + get_byte(h, 5)) % 3600000 end as at,
            (get_byte(h, 6) + get_byte(h, 7) + get_byte(h, 8) + get_byte(h, 9) - 510) / cast(147.8 as float8) as size,
            (get_byte(h, 10) + get_byte(h, 11) + get_byte(h, 12) + get_byte(h, 13) - 510) / cast(147.8 as float8) as pace
        from request
        offset 0
    )
    select cast(encode(substr(h, 1, 16), 'hex') as uuid) as event_id,
        cast(encode(substr(h, 17, 16), 'hex') as uuid) as trace_id,
        placed.tenant_id, placed.meter, at, route, api_key_id, network, logged and at >= :logged_from as logged,
        models[1 + get_byte(h, 14) % greatest(1, cardinality(models))] as model,
        tools[1 + get_byte(h, 15) % greatest(1, cardinality(tools))] as tool,
        cast(greatest(1, round(median * exp(spread * size) * grain)) / grain as numeric) as quantity,
        cast(latency_ms * exp(0.4 * pace) * case when get_byte(h, 20) < slow then slowness else 1 end as int) as latency,
        case when get_byte(h, 21) < failing then 503 when logged and get_byte(h, 22) < 2 then 429 else 200 end as status,
        coalesce(get_byte(h, 23) < uncounted, false) as uncounted
    from placed left join jsonb_to_recordset(cast(:troubles as jsonb)) as trouble(
        tenant_id text, meter text, starts timestamptz, ends timestamptz, failing int, slow int, slowness int,
        uncounted int)
        on trouble.tenant_id = placed.tenant_id and trouble.meter = placed.meter and at >= starts and at < ends
"""

_METER = """
    insert into usage_events (event_id, tenant_id, event_time, meter, quantity, route, tool, model, trace_id,
        api_key_id, received_at)
    select event_id, tenant_id, at, meter, quantity, route, tool, model, trace_id, api_key_id,
        at + interval '3 seconds'
    from drawn where status < 400 and not uncounted
"""

_LOG = """
    insert into request_logs (trace_id, tenant_id, requested_at, route, meter, quantity, status, latency_ms,
        api_key_id, network)
    select trace_id, tenant_id, at, route, meter, case when status < 400 then quantity else 0 end, status,
        greatest(1, latency), api_key_id, network
    from drawn where logged
"""

_REPEAT = """
    insert into usage_events (event_id, tenant_id, event_time, meter, quantity, route, tool, model, trace_id,
        api_key_id, received_at)
    select cast(md5('again/' || event_id) as uuid), tenant_id, event_time, meter, quantity, route, tool, model,
        trace_id, api_key_id, received_at + interval '90 seconds'
    from usage_events
    where tenant_id = :tenant_id and meter = :meter and event_time >= :starts and event_time < :ends
"""


def lay_traffic(connection: Connection, streams: Sequence[Stream]) -> None:
    """Write the events and logged requests of `streams`, with what went wrong for their tenants.

    Give it all streams of a tenant at once, and each tenant once.
    """
    tenants = {stream.tenant_id for stream in streams}
    connection.execute(text("set local jit = off"))
    connection.execute(text("set local work_mem = '64MB'"))
    connection.execute(
        text(_DRAW),
        {
            "streams": json.dumps([stream.drawn_with() for stream in streams]),
            "troubles": json.dumps([asdict(bad) for bad in TROUBLES if bad.tenant_id in tenants], default=str),
            "logged_from": LOGGED_FROM,
        },
    )
    connection.execute(text(_METER))
    connection.execute(text(_LOG))
    for repetition in REPETITIONS:
        if repetition.tenant_id in tenants:
            connection.execute(text(_REPEAT), asdict(repetition))
