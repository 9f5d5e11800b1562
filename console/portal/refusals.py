"""Every refusal of the portal as a page in words; nothing of the link or of what was sent is repeated or logged."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from billing.failures import BillingFailure, FailureCode
from console.errors import RETRY_AFTER_SECONDS
from console.portal.pages import bare_page

log = structlog.get_logger("console")

_BROKEN = "Something broke on our side", "It is logged, and somebody will look at it. Please try again later."
_AWAY = (
    "We cannot look this up right now",
    (
        "A part of our system does not answer. Nothing is lost: please try again in a moment. If you were sending a form, "
        "go back, and your browser still has what you wrote."
    ),
)
_UNKNOWN = (
    "There is no such page",
    "It may never have existed. Go back, or start again from the first page of your link.",
)
_SENTENCES: dict[int, tuple[str, str]] = {
    404: _UNKNOWN,
    405: ("This page cannot be used like that", "Go back and use the buttons of the page."),
    413: ("That was too much at once", "Please shorten the text and send links to large files instead of the files."),
    415: ("We could not read that form", "Please send it from the page itself."),
    503: _AWAY,
}


class Shut(Exception):  # noqa: N818 - a shut door is an answer, not a defect
    """A page that is not shown: the status, a headline, and what to do about it."""

    def __init__(self, status: int, headline: str, advice: str) -> None:
        super().__init__(headline)
        self.status, self.headline, self.advice = status, headline, advice


def unknown_page() -> Shut:
    """The same words for what never was and for what is another customer's."""
    return Shut(404, *_UNKNOWN)


def refuse_in_words(app: FastAPI) -> None:
    """Have every failure of the portal answered with a page."""
    app.add_exception_handler(Shut, _shut)
    app.add_exception_handler(BillingFailure, _failed)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Unbroken)


class Unbroken:
    """ASGI middleware: a defect ends here as a page and a line in the log, before anybody logs the path with its link."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            # The route is the path's template.
            route = getattr(scope.get("route"), "path", "unmatched")
            log.error("portal page failed", route=route, kind=type(error).__name__, exc_info=error)
            await _page(Request(scope), 500, *_BROKEN)(scope, receive, send)


async def _shut(request: Request, shut: Exception) -> HTMLResponse:
    assert isinstance(shut, Shut)  # noqa: S101 - registered for this class
    return _page(request, shut.status, shut.headline, shut.advice)


async def _failed(request: Request, failure: Exception) -> HTMLResponse:
    assert isinstance(failure, BillingFailure)  # noqa: S101 - registered for this class
    if failure.code is FailureCode.NOT_FOUND:
        return _page(request, 404, *_UNKNOWN)
    if failure.code is not FailureCode.UNAVAILABLE:
        raise failure
    return _page(request, 503, *_AWAY)


async def _unreadable(request: Request, error: Exception) -> HTMLResponse:
    return _page(request, 404, *_UNKNOWN)


async def _http(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    return _page(request, error.status_code, *_SENTENCES.get(error.status_code, _UNKNOWN))


def _page(request: Request, status: int, headline: str, advice: str) -> HTMLResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    return bare_page(request, "refused.html", status, headers=headers, headline=headline, advice=advice)
