"""Speaks to the HTTP application in-process, as a support desk or as an operator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from console.app import create_app
from console.signatures import sign
from tests.starters.desk import SECRET, CaseDesk


@dataclass
class Caller:
    """One client of one application."""

    app: FastAPI
    http: httpx.AsyncClient
    desk: CaseDesk

    async def send_ticket(self, event: dict[str, Any] | bytes, **signing: Any) -> httpx.Response:
        """Send a ticket event, properly signed unless told otherwise (`secret`, `late_seconds`, `headers`)."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        at = datetime.now(UTC) - timedelta(seconds=signing.get("late_seconds", 0))
        headers = sign(body, signing.get("secret", SECRET), at) | signing.get("headers", {})
        return await self.http.post("/webhooks/tickets", content=body, headers=headers)

    async def asks(self, operator_id: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        """A request of an operator; None sends no token."""
        headers = options.pop("headers", {})
        if operator_id is not None:
            headers |= {"Authorization": f"Bearer {self.desk.tokens[operator_id]}"}
        return await self.http.request(method, path, headers=headers, **options)

    async def count(self, sample: str) -> float:
        """A sample of /metrics, written as Prometheus writes it, 0 when it was never counted."""
        lines = (await self.http.get("/metrics")).text.splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{sample} ")), 0.0)


@asynccontextmanager
async def calling(desk: CaseDesk) -> AsyncIterator[Caller]:
    """The application over a desk; what breaks in it is answered as a client would see it."""
    app = create_app(desk.settings, desk.client, desk.books)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://console.example") as http:
        yield Caller(app, http, desk)


def created(ticket: dict[str, Any]) -> dict[str, Any]:
    return {"event": "created", "ticket": ticket}
