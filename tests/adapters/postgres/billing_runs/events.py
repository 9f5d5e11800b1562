"""Raw usage for tenants to bill: on time, late, rolled up or not yet."""

from __future__ import annotations

from datetime import date, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from adapters.postgres.partitions import make_months
from adapters.postgres.tables import late_usage, rollup_dirty, usage_events
from tests.adapters.postgres.billing_runs.world import House


class Events:
    """Raw usage beside the roll-ups, as loading leaves it."""

    def __init__(self, house: House) -> None:
        self.house = house
        with house.engine.begin() as connection:
            make_months(connection, date(2026, 9, 1), date(2026, 12, 1))

    def arrived(
        self, tenant_id: str, at: str, quantity: int, *, late_for: str | None = None, rolled_up: bool = False
    ) -> None:
        moment, event_id = datetime.fromisoformat(at), uuid4()
        event = {"event_id": event_id, "tenant_id": tenant_id, "event_time": moment, "meter": "api_calls"}
        event |= {"quantity": quantity, "route": "/", "trace_id": uuid4(), "api_key_id": "key-1"}
        day = moment.astimezone(ZoneInfo("Europe/Berlin")).date()
        with self.house.engine.begin() as connection:
            connection.execute(insert(usage_events).values(event))
            if late_for:
                late = {name: event[name] for name in ("event_id", "event_time", "tenant_id", "meter", "quantity")}
                connection.execute(insert(late_usage).values(late | {"period": late_for}))
            if not rolled_up:
                connection.execute(insert(rollup_dirty).values(tenant_id=tenant_id, meter="api_calls", day=day))
        if rolled_up:
            self.house.used(tenant_id, quantity, day=f"{day}")
