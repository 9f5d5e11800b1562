"""`/docs`: the API's own description as one page that loads nothing from anywhere, so that it works without internet."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"}

Schema = dict[str, Any]

# OpenAPI's words for limits, in ours.
_LIMITS = {
    "minimum": "from",
    "maximum": "to",
    "minLength": "at least",
    "maxLength": "at most",
    "pattern": "like",
    "default": "default",
}


def publish_reference(app: FastAPI) -> None:
    """Serve `/docs`, and lead `/` there. Call it when every route is included."""
    templates = Environment(
        loader=PackageLoader("console.reference", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    async def reference(request: Request) -> Response:
        page = templates.get_template("page.html").render(api=app.openapi()["info"], rooms=rooms(app.openapi()))
        return HTMLResponse(page, headers=_HEADERS)

    async def home(request: Request) -> Response:
        return RedirectResponse("/docs")

    app.add_route("/docs", reference, include_in_schema=False)
    app.add_route("/", home, include_in_schema=False)


def rooms(description: Schema) -> dict[str, list[Schema]]:
    """The calls of an OpenAPI description by their tag, in its order, each with what the page shows of it."""
    found: dict[str, list[Schema]] = {}
    for path, methods in description["paths"].items():
        for method, call in methods.items():
            found.setdefault(call["tags"][0], []).append(_call(method.upper(), path, call, description))
    return found


def _call(method: str, path: str, call: Schema, description: Schema) -> Schema:
    known = description.get("components", {}).get("schemas", {})
    content = call.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _resolved(content.get("schema", {}), known)
    needed = body.get("required", [])
    fields = [(name, in_words(one, known), name in needed) for name, one in body.get("properties", {}).items()]
    given = [(_place(one), in_words(one["schema"], known), one["required"]) for one in call.get("parameters", [])]
    return {
        "name": f"{method} {path}",
        "method": method,
        "path": path,
        "words": call.get("description", ""),
        "fields": given + fields,
        "example": json.dumps(content["example"], indent=2) if "example" in content else "",
        "answers": [(status, one["description"]) for status, one in sorted(call["responses"].items())],
    }


def in_words(schema: Schema, known: Schema) -> str:
    """What may stand in a field, as short as it can be said; `known` are the description's named schemas."""
    if choices := schema.get("anyOf"):
        return " or ".join(in_words(one, known) for one in choices if one.get("type") != "null")
    if values := _resolved(schema, known).get("enum"):
        return ", ".join(map(str, values))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {in_words(schema.get('items', {}), known)}"
    words = [schema.get("format") or schema.get("type") or "anything"]
    return ", ".join([*words, *(f"{word} {schema[name]}" for name, word in _LIMITS.items() if name in schema)])


def _place(parameter: Schema) -> str:
    """A parameter's name, and where it goes unless that is the query."""
    where = "" if parameter["in"] == "query" else f" ({parameter['in']})"
    return f"{parameter['name']}{where}"


def _resolved(schema: Schema, known: Schema) -> Schema:
    found: Schema = known.get(schema.get("$ref", "").rpartition("/")[2], schema)
    return found
