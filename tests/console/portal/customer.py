"""Reads the portal's pages as a customer's browser would, without running anything in them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from console.app import create_app
from starters.portal_links import Seal, new_link
from tests.starters.desk import CaseDesk

PORTAL_SECRET = "a-secret-for-the-portal-of-tests"
PUBLIC_URL = "https://billing.provider.example"
SEAL = Seal([PORTAL_SECRET])


class Page(HTMLParser):
    """The elements of a page in order, its words, and its forms' fields as they would be sent."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.status, self.html = answer.status_code, answer.text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self._field: str | None = None
        self.fields: dict[str, str | list[str]] = {}
        self.feed(answer.text)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._words).split())

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.elements if tag == "a" and "href" in attributes]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of every table row that has any."""
        rows = re.findall(r"<tr>(.*?)</tr>", self.html, re.DOTALL)
        cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]
        return [[re.sub(r"<[^>]+>", "", cell).strip() for cell in row] for row in cells if row]

    def flaw(self, name: str) -> str:
        found = re.search(rf'id="{name}-flaw">(.*?)</p>', self.html, re.DOTALL)
        return found[1].strip() if found else ""

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.elements.append((tag, known))
        if tag == "textarea":
            self._field = known["name"]
            self.fields[self._field] = ""
        if tag == "input" and (known.get("type") not in {"checkbox", "radio"} or "checked" in known):
            self.fields[known["name"]] = known.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._field = None

    def handle_data(self, data: str) -> None:
        if self._field is not None:
            # A browser drops the line break right behind the tag.
            self.fields[self._field] = str(self.fields[self._field]) + data.removeprefix("\n")
        self._words.append(data)


@dataclass
class Customer:
    """Somebody with a link."""

    http: httpx.AsyncClient
    app: FastAPI
    desk: CaseDesk
    token: str

    def at(self, path: str = "") -> str:
        return f"/portal/{self.token}{path}"

    async def looks(self, path: str = "") -> Page:
        """A page by its path behind the link, or by its whole address."""
        return Page(await self.http.get(path if path.startswith("/portal/") else self.at(path)))

    async def sends(self, path: str, fields: dict[str, Any], **options: Any) -> httpx.Response:
        return await self.http.post(self.at(path), data=fields, **options)

    async def contests(self, **changes: Any) -> httpx.Response:
        """Fill in a fresh form; a field given as None is left as the form has it."""
        return await self.sends("/contest?month=2026-10", await self.filled(**changes))

    async def filled(self, **changes: Any) -> dict[str, Any]:
        form = await self.looks("/contest?month=2026-10&meter=api_calls")
        typed = {
            "category": "usage_calculation",
            "amount": "262,00",
            "description": "We count less.",
            "name": "Accounts",
            "email": "accounts@meridian.example",
        }
        return {**form.fields, **typed, **changes}


@asynccontextmanager
async def visiting(desk: CaseDesk, tenant_id: str, **settings: Any) -> AsyncIterator[Customer]:
    """The console with its portal, and a customer of this tenant in front of it."""
    known = {"portal_secret": SecretStr(PORTAL_SECRET), "public_url": PUBLIC_URL} | settings
    opened = replace(desk, settings=desk.settings.model_copy(update=known))
    app = create_app(opened.settings, opened.client, opened.books)
    token, _ = new_link(SEAL, tenant_id, datetime.now(UTC))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://console.example") as http:
        yield Customer(http, app, opened, token)


def reference_in(answer: httpx.Response) -> str:
    """Where a form that was taken leads: the reference of its dispute."""
    found = re.search(r"/disputes/([^/?]+)", answer.headers["Location"])
    assert found
    return found[1]
