"""Builders of raw usage: a tenant's events, requests and roll-ups, each named only where it differs from the ordinary."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, insert, text

from activities.ports import DisputeScope
from adapters.postgres.evidence import PostgresEvidenceRoom
from adapters.postgres.partitions import make_months
from adapters.postgres.tables import (
    api_keys,
    authentication_logs,
    disputes,
    outages,
    request_logs,
    tenants,
    usage_events,
)
from billing.disputes import Category, Severity
from billing.evidence import EvidencePack, UsageFacts
from billing.periods import local_midnight
from billing.policy.standard import STANDARD
from billing.tenants import Tenant, Tier

METER = "api_calls"
OFFICE = "198.51.100.0/24"
_NUMBERS = count(1)


def new_id() -> UUID:
    """A fresh id; later ones sort after earlier ones."""
    return UUID(int=next(_NUMBERS))


class World:
    """One tenant in its zone, with an evidence room over a real database and a folder."""

    def __init__(self, engine: Engine, directory: Path, zone: str = "UTC") -> None:
        self.engine = engine
        self.directory = directory
        self.zone = zone
        self.room = PostgresEvidenceRoom(engine, directory, beat_every=timedelta(0))
        self.tenant = tenant("acme", zone)
        with engine.begin() as connection:
            make_months(connection, date(2026, 9, 1), date(2026, 11, 1))
            connection.execute(insert(tenants).values(self.tenant.model_dump(mode="json")))
            connection.execute(insert(tenants).values(tenant("other", zone).model_dump(mode="json")))

    def open_months(self, first: date, last: date) -> None:
        """Make room for usage outside autumn."""
        with self.engine.begin() as connection:
            make_months(connection, first, last)

    # -- what happened ---------------------------------------------------------------------------------------------

    def event(self, at: str, quantity: str = "1", **differences: Any) -> UUID:
        """A usage event at a local time of the tenant; returns its id."""
        ordinary = {
            "event_id": new_id(),
            "tenant_id": self.tenant.tenant_id,
            "event_time": self.moment(at),
            "meter": METER,
            "quantity": quantity,
            "route": "/v1/answers",
            "tool": None,
            "model": "small-1",
            "trace_id": new_id(),
            "api_key_id": "key-1",
        }
        row = ordinary | differences
        self._insert(usage_events, row)
        return UUID(str(row["event_id"]))

    def request(self, at: str, quantity: str = "1", **differences: Any) -> UUID:
        """A logged request at a local time of the tenant; returns its trace id."""
        ordinary = {
            "trace_id": new_id(),
            "tenant_id": self.tenant.tenant_id,
            "requested_at": self.moment(at),
            "route": "/v1/answers",
            "meter": METER,
            "quantity": quantity,
            "status": 200,
            "latency_ms": 100,
            "api_key_id": "key-1",
            "network": OFFICE,
        }
        row = ordinary | differences
        self._insert(request_logs, row)
        return UUID(str(row["trace_id"]))

    def call(self, at: str, quantity: str = "1", *, key: str = "key-1", network: str = OFFICE) -> UUID:
        """A request with its event; returns the event's id."""
        trace = self.request(at, quantity, api_key_id=key, network=network)
        return self.event(at, quantity, trace_id=trace, api_key_id=key)

    def again(self, event_id: UUID, times: int = 1) -> list[UUID]:
        """The same event recorded again under other ids, which sort after the first."""
        copies = [new_id() for _ in range(times)]
        statement = text("""
            insert into usage_events
            select cast(:copy as uuid), tenant_id, event_time, meter, quantity, route, tool, model, trace_id, api_key_id
            from usage_events where event_id = :original
        """)
        with self.engine.begin() as connection:
            for copy in copies:
                connection.execute(statement, {"copy": str(copy), "original": event_id})
        return copies

    def authentication(self, at: str, *, succeeded: bool, key: str = "key-1", network: str = OFFICE) -> None:
        row = {"tenant_id": "acme", "api_key_id": key, "network": network}
        self._insert(authentication_logs, row | {"at": self.moment(at), "succeeded": succeeded})

    def reported(self, key: str, at: str) -> None:
        self._insert(api_keys, {"api_key_id": key, "tenant_id": "acme", "reported_compromised_at": self.moment(at)})

    def outage(self, start: str, end: str | None, **differences: Any) -> None:
        row = {"outage_id": str(new_id()), "meter": METER, "route": None, "summary": "down"}
        ended = self.moment(end) if end else None
        self._insert(outages, row | {"started_at": self.moment(start), "ended_at": ended} | differences)

    # -- what the roll-up job made of it ---------------------------------------------------------------------------

    def roll_up(
        self, *days: str, clock: str | None = None, meter: str = METER, excess: str = "0", tenant_id: str = "acme"
    ) -> None:
        """Roll these local days up as the job does, with windows drawn by `clock` (the tenant's own by default)."""
        statement = text("""
            insert into usage_daily (tenant_id, meter, day, quantity, events, window_start, window_end)
            select :tenant, :meter, :day, coalesce(sum(quantity), 0) + cast(:excess as numeric), count(*), :start, :end
            from usage_events where tenant_id = :tenant and meter = :meter and event_time >= :start and event_time < :end
        """)
        for named in days:
            day = date.fromisoformat(named)
            window = {
                "start": local_midnight(day, clock or self.zone),
                "end": local_midnight(day + timedelta(days=1), clock or self.zone),
            }
            with self.engine.begin() as connection:
                connection.execute(
                    statement, window | {"tenant": tenant_id, "meter": meter, "day": day, "excess": excess}
                )

    def roll_up_month(self, month: str = "2026-10", **differences: Any) -> None:
        first = date.fromisoformat(f"{month}-01")
        days = [first + timedelta(days=number) for number in range(31)]
        self.roll_up(*(day.isoformat() for day in days if day.month == first.month), **differences)

    # -- the investigation -----------------------------------------------------------------------------------------

    def scope(
        self,
        category: Category = Category.USAGE_CALCULATION,
        *,
        meters: Sequence[str] = (METER,),
        period: str = "2026-10",
        case_id: str = "dispute/T-1",
        round_number: int = 1,
    ) -> DisputeScope:
        """What an open case contests; the case is put on record when it is not."""
        row = {
            "case_id": case_id,
            "ticket_id": case_id,
            "tenant_id": self.tenant.tenant_id,
            "period": period,
            "category": category.value,
            "meters": list(meters),
            "disputed_minor": 1,
            "currency": "USD",
            "severity": Severity.LOW.value,
            "ticket": {},
            "opened_at": self.moment("2026-11-03 09:00"),
        }
        with self.engine.begin() as connection:
            known = connection.execute(text("select 1 from disputes where case_id = :case"), {"case": case_id}).scalar()
            if known is None:
                connection.execute(insert(disputes).values(row))
        return DisputeScope(
            case_id=case_id,
            round=round_number,
            tenant=self.tenant,
            invoice_id="inv-1",
            period=period,
            meters=tuple(meters),
            category=category,
        )

    def collect(self, scope: DisputeScope | None = None) -> EvidencePack:
        return self.room.collect(scope or self.scope(), STANDARD, lambda note: None)

    def facts(self, category: Category = Category.USAGE_CALCULATION, **differences: Any) -> UsageFacts:
        """Collect and read back what was found."""
        pack = self.collect(self.scope(category, **differences))
        return self.room.facts(pack.evidence_id)

    def file(self, pack: EvidencePack, name: str) -> Path:
        return self.directory / pack.evidence_id / name

    def table(self, pack: EvidencePack, name: str) -> list[dict[str, str]]:
        """A CSV file of the pack, row by row."""
        with self.file(pack, name).open(newline="", encoding="utf-8") as handle:
            return list(csv.DictReader(handle))

    def rows(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(statement), values).mappings()]

    def moment(self, local: str) -> datetime:
        """A local time of the tenant; one that already carries an offset is taken as it is."""
        parsed = datetime.fromisoformat(local)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=ZoneInfo(self.zone))

    def _insert(self, table: Any, row: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table).values(row))


def tenant(tenant_id: str, zone: str) -> Tenant:
    return Tenant(
        tenant_id=tenant_id,
        name=tenant_id.title(),
        tier=Tier.PRO,
        currency="USD",
        zone=zone,
        country="US",
        billing_email=f"billing@{tenant_id}.example",
    )
