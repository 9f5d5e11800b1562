"""Who may see a page: whoever holds an unexpired link of ours, and only what belongs to the tenant it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from billing.tenants import Tenant
from console.desk import Desk
from console.portal.figures import Figures
from console.portal.pages import bare_page
from console.portal.refusals import Shut
from starters.portal_links import PortalLinkError, Seal, read_link, seal_of

_ASK_FOR_A_NEW_ONE = "Please ask us for a new link: reply to any of our letters, or write to your account manager."


@dataclass(frozen=True)
class Visit:
    """One request of one tenant; `link` is the token it came with and goes into no log."""

    request: Request
    desk: Desk
    seal: Seal
    link: str
    expires_at: datetime
    tenant: Tenant
    figures: Figures

    @property
    def tenant_id(self) -> str:
        """Whose data a page may show: the link says so, and nothing that was typed."""
        return self.tenant.tenant_id

    def at(self, *parts: object, **query: object) -> str:
        """The address of a page of this visit; parts of the query that are None are left out."""
        path = "/".join(quote(str(part), safe="") for part in (self.link, *parts))
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return f"{self.request.scope.get('root_path', '')}/{path}{'?' if asked else ''}{asked}"

    def page(
        self, template: str, status: int = 200, *, headers: Mapping[str, str] | None = None, **said: object
    ) -> HTMLResponse:
        """A page for the visitor; templates write addresses with `at` and numbers with `figures`."""
        known = {"tenant": self.tenant, "figures": self.figures, "at": self.at, "expires_at": self.expires_at}
        return bare_page(self.request, template, status, headers=headers, **known, **said)

    def onward(self, address: str) -> RedirectResponse:
        """Where a form that was taken leads, so that loading the page again sends nothing again."""
        return RedirectResponse(address, 303)


def _visit(request: Request, link: str) -> Visit:
    # A plain function, so that FastAPI asks the database in a thread.
    desk: Desk = request.app.state.desk
    seal = seal_of(desk.settings)
    if seal is None:
        raise Shut(404, "There is no portal here", "It is switched off. Please write to us instead.")
    try:
        opened = read_link(seal, link, desk.now())
    except PortalLinkError as error:
        headline = "This link has expired" if error.expired else "This link is not valid"
        advice = "Links work for a few days only. " if error.expired else "Perhaps it was cut short on its way to you. "
        raise Shut(403, headline, advice + _ASK_FOR_A_NEW_ONE) from None
    tenant = desk.books.tenants.find(opened.tenant_id)
    if tenant is None:
        raise Shut(403, "This link is not valid", _ASK_FOR_A_NEW_ONE)
    return Visit(request, desk, seal, link, opened.expires_at, tenant, Figures.of(tenant))


Visiting = Annotated[Visit, Depends(_visit)]
