"""A tenant with a million events in one month, planted defects in it, and other tenants around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine, insert, text

from activities.ports import DisputeScope
from adapters.postgres.partitions import make_months
from adapters.postgres.tables import disputes, tenants
from billing.disputes import Category, Severity
from billing.periods import service_span
from billing.tenants import Tenant, Tier

PERIOD = "2026-10"
ZONE = "America/New_York"
METER = "api_calls"
OTHER_TENANTS = 20


@dataclass(frozen=True)
class Planted:
    """How many events a tenant has in the period, and what is wrong with them."""

    tenant_id: str
    events: int
    duplicates: int
    shifted: int
    missing: int

    @classmethod
    def busy(cls, tenant_id: str, events: int) -> Planted:
        """Five duplicates, two shifted and three missing events in a thousand."""
        return cls(tenant_id, events, events * 5 // 1000, events * 2 // 1000, events * 3 // 1000)


# Names are drawn from a hash of their number, so that they are random to an index and the same in every run.
_EVENTS = text("""
    insert into usage_events
    select cast(md5('event' || tenant || number) as uuid), tenant, :starts + number * cast(:apart as interval), :meter,
        1 + number % 100, '/v1/answers/' || number % 7, case when number % 3 = 0 then 'search' end,
        'model-' || number % 4, cast(md5('trace' || tenant || number) as uuid), 'key-' || number % 5
    from generate_series(0, :events - 1) as number, unnest(cast(:tenants as text[])) as tenant
    order by number
""")

_REQUESTS = text("""
    insert into request_logs
    select trace_id, tenant_id, event_time - interval '1 millisecond' * (20 + get_byte(uuid_send(trace_id), 0)), route,
        meter, quantity, 200, 20 + get_byte(uuid_send(trace_id), 0), api_key_id, '198.51.100.0/24'
    from usage_events
    order by event_time
""")

_DUPLICATES = text("""
    insert into usage_events
    select cast(md5('again' || event_id) as uuid), tenant_id, event_time, meter, quantity, route, tool, model, trace_id,
        api_key_id
    from usage_events
    where tenant_id = :tenant and event_time >= :starts + interval '9 days'
    order by event_time limit :duplicates
""")

# Their requests stay in the log.
_MISSING = text("""
    delete from usage_events where tenant_id = :tenant and event_time in (
        select event_time from usage_events where tenant_id = :tenant and event_time >= :starts + interval '4 days'
        order by event_time limit :missing
    )
""")

# In the first hour of the next month, which the roll-up of the last day took for its own.
_SHIFTED = text("""
    insert into usage_events
    select cast(md5('shifted' || :tenant || number) as uuid), :tenant, :ends + number * interval '1 second', :meter, 3,
        '/v1/answers', null, 'model-1', cast(md5('shifted trace' || :tenant || number) as uuid), 'key-1'
    from generate_series(0, :shifted - 1) as number
""")

_ROLL_UPS = text("""
    insert into usage_daily (tenant_id, meter, day, quantity, events, window_start, window_end)
    select :tenant, :meter, cast(day as date), coalesce(sum(quantity), 0), count(event_id), window_start, window_end
    from generate_series(timestamp '2026-10-01', timestamp '2026-10-31', interval '1 day') as day
    cross join lateral (
        select day at time zone :zone as window_start,
            (day + interval '1 day') at time zone case when day < '2026-10-31' then :zone else 'Etc/GMT+5' end
                as window_end
    ) as read
    left join usage_events on tenant_id = :tenant and event_time >= window_start and event_time < window_end
    group by day, window_start, window_end
""")


def plant(engine: Engine, planted: list[Planted]) -> None:
    """Fill an empty, migrated database."""
    span = service_span(PERIOD, ZONE)
    with engine.begin() as connection:
        make_months(connection, date(2026, 9, 1), date(2026, 11, 1))
        for tenant in planted:
            common = {"tenant": tenant.tenant_id, "starts": span.start, "ends": span.end, "meter": METER, "zone": ZONE}
            apart = span.length / tenant.events
            generated = {"tenants": [tenant.tenant_id], "events": tenant.events, "apart": apart}
            connection.execute(_EVENTS, common | generated)
        others = [f"other-{number}" for number in range(OTHER_TENANTS)]
        each = max(tenant.events for tenant in planted) // (5 * OTHER_TENANTS)
        connection.execute(_EVENTS, common | {"tenants": others, "events": each, "apart": span.length / each})
        connection.execute(_REQUESTS)
        for tenant in planted:
            common = {"tenant": tenant.tenant_id, "starts": span.start, "ends": span.end, "meter": METER, "zone": ZONE}
            for statement in (_DUPLICATES, _MISSING, _SHIFTED, _ROLL_UPS):
                connection.execute(statement, common | vars(tenant))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))


def open_dispute(engine: Engine, tenant_id: str) -> DisputeScope:
    """Put the tenant and its case on record."""
    tenant = Tenant(
        tenant_id=tenant_id,
        name=tenant_id,
        tier=Tier.ENTERPRISE,
        currency="USD",
        zone=ZONE,
        country="US",
        billing_email=f"billing@{tenant_id}.example",
    )
    scope = DisputeScope(
        case_id=f"dispute/{tenant_id}",
        round=1,
        tenant=tenant,
        invoice_id="none",
        period=PERIOD,
        meters=(METER,),
        category=Category.USAGE_CALCULATION,
    )
    case: dict[str, Any] = {
        "case_id": scope.case_id,
        "ticket_id": tenant_id,
        "tenant_id": tenant_id,
        "period": PERIOD,
        "category": scope.category.value,
        "meters": list(scope.meters),
        "disputed_minor": 1,
        "currency": "USD",
        "severity": Severity.LOW.value,
        "ticket": {},
        "opened_at": service_span(PERIOD, ZONE).end,
    }
    with engine.begin() as connection:
        connection.execute(insert(tenants).values(tenant.model_dump(mode="json")))
        connection.execute(insert(disputes).values(case))
    return scope
