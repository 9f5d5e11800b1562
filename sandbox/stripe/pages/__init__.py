"""Pages for people: what the account holds, and every object as its JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.stripe.clock import Clock
from sandbox.stripe.currencies import in_words
from sandbox.stripe.state.store import Obj, Store

ROWS_MAX = 200
# Nothing on the pages is ours to run: texts in objects come from anywhere.
HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"}
_ID = re.compile(r'"((?:cus|in|il|ii|cn|cnli|cbtxn|re|pi|ch|du|txn|pm|evt|we|inpay)_\w+)"')


def page_routes(store: Store, clock: Clock) -> list[Route]:
    """`/` and `/objects/{id}`."""
    templates = Environment(
        loader=PackageLoader("sandbox.stripe.pages", "."), autoescape=True, undefined=StrictUndefined
    )
    templates.filters |= {"money": in_words, "moment": _moment}

    def shown(name: str, status: int = 200, **values: object) -> Response:
        text = templates.get_template(name).render(now=clock.now(), lead=clock.lead, **values)
        return HTMLResponse(text, status, HEADERS)

    async def account(request: Request) -> Response:
        names = {item["id"]: item.get("name") or item.get("email") or item["id"] for item in store.all("customer")}
        documents = [*store.all("invoice"), *store.all("credit_note")]
        numbers = {item["id"]: item["number"] or "draft" for item in documents}
        kinds = ("customer", "invoice", "credit_note", "customer_balance_transaction")
        rows = {kind: store.all(kind)[::-1][:ROWS_MAX] for kind in kinds}
        counts = {kind: len(store.all(kind)) for kind in (*kinds, "refund", "event")}
        return shown("account.html", rows=rows, counts=counts, names=names, numbers=numbers)

    async def an_object(request: Request) -> Response:
        identifier = request.path_params["identifier"]
        found = store.anywhere(identifier)
        if found is None:
            return shown("object.html", 404, identifier=identifier, kind="nothing", json=Markup(""), related=[])
        about = [event for event in store.all("event") if event["data"]["object"].get("id") == identifier]
        kind = found["object"].replace("_", " ")
        return shown("object.html", identifier=identifier, kind=kind, json=_linked(found), related=about[::-1])

    async def favicon(request: Request) -> Response:
        return Response(status_code=204)

    async def home(request: Request) -> Response:
        return RedirectResponse("/")

    return [
        Route("/", account),
        Route("/objects", home),
        Route("/objects/{identifier}", an_object),
        Route("/favicon.ico", favicon),
    ]


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M:%S")


def _linked(item: Obj) -> Markup:
    """The object's JSON with every id in it leading to its own page."""
    first = {name: item[name] for name in ("id", "object")}
    item = first | dict(sorted(item.items()))
    text = str(escape(json.dumps(item, indent=2, ensure_ascii=False))).replace("&#34;", '"')
    return Markup(_ID.sub(r'"<a href="/objects/\1">\1</a>"', text))  # noqa: S704 - escaped above
