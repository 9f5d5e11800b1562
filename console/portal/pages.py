"""Pages from templates. Everything is escaped, and a name that a template misspells is an error, not a gap."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def bare_page(
    request: Request, template: str, status: int = 200, *, headers: Mapping[str, str] | None = None, **said: object
) -> HTMLResponse:
    """A page that may be about nobody; visits have pages of their own (`console.portal.visits`)."""
    static = f"{request.scope.get('root_path', '')}/static"
    html = _TEMPLATES.get_template(template).render(static=static, **said)
    return HTMLResponse(html, status, headers=dict(headers or {}))
