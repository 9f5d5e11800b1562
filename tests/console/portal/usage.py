"""A tenant whose October can be looked into: hours, routes, models, a day of 25 hours, and a day counted wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid5

from sqlalchemy import Engine, insert, text, update

from adapters.postgres.tables import tenants, usage_daily, usage_events
from billing.periods import local_midnight
from tests.workflows.world import METER, NAMES, World

ZONE = "Europe/Berlin"
# The clocks go back at three in the morning: 25 hours.
LONG_DAY = date(2026, 10, 25)
# Its roll-up holds seven calls more than were recorded.
WRONG_DAY = date(2026, 10, 7)
# So many events that the list needs three pages, a hundred of them at the very same moment.
BUSY_DAY = date(2026, 10, 20)
BUSY_EVENTS, SAME_MOMENT = 450, 100
HOSTILE_ROUTE = '/v1/<script>alert("route")</script>'
ROUTES = [("/v1/calls", "small"), ("/v1/calls", "large"), ("/v1/search", None), (HOSTILE_ROUTE, "<img src=x>")]


@dataclass(frozen=True)
class Meridian:
    """What was put in; `secret_route` belongs to another tenant."""

    engine: Engine
    secret_route: str


def found_meridian(world: World) -> Meridian:
    """Make `meridian`, whose invoice was issued before the details were added, and `rival` with a route of its own."""
    world.tenant("meridian", zone=ZONE, currency="EUR")
    world.tenant("rival", zone=ZONE, currency="EUR")
    secret = "/v1/rivals-own-route"
    with world.engine.begin() as connection:
        mine = {"name": "Meridian <b>& Söhne</b>", "locale": "de-DE", "country": "DE"}
        connection.execute(update(tenants).where(tenants.c.tenant_id == "meridian").values(mine))
        connection.execute(
            insert(usage_events), [*_details("meridian"), _event("rival", WRONG_DAY, 9, secret, None, 0)]
        )
        connection.execute(text(_ROLL_UP), {"tenant": "meridian", "zone": ZONE})
        more = {"quantity": usage_daily.c.quantity + 7}
        wrong = update(usage_daily).where(usage_daily.c.tenant_id == "meridian", usage_daily.c.day == WRONG_DAY)
        connection.execute(wrong.values(more))
    return Meridian(world.engine, secret)


_ROLL_UP = f"""
    update usage_daily as stored set quantity = raw.quantity, events = raw.events
    from (
        select (event_time at time zone :zone)::date as day, sum(quantity) as quantity, count(*) as events
        from usage_events where tenant_id = :tenant and meter = '{METER}' group by 1
    ) as raw
    where stored.tenant_id = :tenant and stored.meter = '{METER}' and stored.day = raw.day
"""  # noqa: S608 - our own constant


def _details(tenant_id: str) -> Iterator[dict[str, object]]:
    for minute in (0, 90, 150, 179, 180, 210, 1439, 1499):
        for number, (route, model) in enumerate(ROUTES):
            yield _event(tenant_id, LONG_DAY, minute, route, model, number)
    for number in range(BUSY_EVENTS - 1):
        moment = 600 if number < SAME_MOMENT else number
        yield _event(tenant_id, BUSY_DAY, moment, "/v1/search", None, number)


def _event(tenant_id: str, day: date, minute: int, route: str, model: str | None, number: int) -> dict[str, object]:
    name = f"{tenant_id}/{day}/{minute}/{number}"
    return {
        "event_id": uuid5(NAMES, f"{name}/detail"),
        "tenant_id": tenant_id,
        "event_time": local_midnight(day, ZONE) + timedelta(minutes=minute),
        "meter": METER,
        "quantity": Decimal("1.25") + number % 3,
        "route": route,
        "model": model,
        "trace_id": uuid5(NAMES, f"{name}/trace"),
        "api_key_id": f"key-{tenant_id}",
    }
