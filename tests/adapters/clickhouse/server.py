"""ClickHouse itself, in-process (`chdb`), behind the HTTP that the adapter speaks; skipped where it is not installed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import httpx

from adapters.clickhouse.statements import TABLE
from adapters.clickhouse.usage import ClickHouseUsage
from tests.adapters.postgres.usage_intake.collector import Event

DATABASE = "usage"


class Engine:
    """One database of the engine; statements and parameters reach it exactly as they would by HTTP."""

    def __init__(self, session: Any) -> None:
        self._session = session
        session.query(f"drop database if exists {DATABASE}")
        session.query(f"create database {DATABASE}")
        session.query(f"use {DATABASE}")
        session.query(TABLE, params={"table": "usage_events"})

    def usage(self) -> ClickHouseUsage:
        transport = httpx.MockTransport(self.answer)
        return ClickHouseUsage(
            httpx.Client(transport=transport, base_url="http://clickhouse.example"), database=DATABASE
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        bound = {
            name.removeprefix("param_"): value
            for name, value in request.url.params.items()
            if name.startswith("param_")
        }
        try:
            return httpx.Response(200, text=str(self._session.query(request.content.decode(), params=bound)))
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            headers = {"X-ClickHouse-Exception-Code": code[1] if code else "0"}
            return httpx.Response(404, text=str(error), headers=headers)

    def holds(self, events: Sequence[Event]) -> None:
        for event in events:
            self._session.query(
                """
                insert into usage_events (event_id, tenant_id, event_time, meter, quantity)
                select {event_id:UUID}, {tenant_id:String}, parseDateTime64BestEffort({event_time:String}, 6, 'UTC'),
                    {meter:String}, toDecimal128({quantity:String}, 6)
                """,
                params={name: event[name] for name in ("event_id", "tenant_id", "event_time", "meter", "quantity")},
            )
