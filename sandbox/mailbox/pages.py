"""The page to read mail, and the same as JSON; whatever a mail contains is shown and never run.

Three fences, each enough alone: everything is escaped, the HTML part lives in an iframe without scripts, forms or
an origin, and the content security policy lets neither the page nor the part load anything from elsewhere.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.middleware.trustedhost import TrustedHostMiddleware

from sandbox.mailbox.faults import Fault, Script
from sandbox.mailbox.store import Mail, MailStore

HERE = Path(__file__).parent
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Styles may be inline, since mail knows no others; pictures only those the mail brings itself: no tracking pixels.
MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
PARTS = ("html", "text", "headers")

Next = Callable[[Request], Awaitable[Response]]


def mailbox_app(store: MailStore, script: Script) -> FastAPI:
    """The web side of one mailbox, for browsers on this machine only."""
    app = FastAPI(title="Mailbox", openapi_url=None)
    # A page from elsewhere that had its name resolve to this machine would otherwise read the mail.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    _fence(app)
    _show(app, store, script)
    _tell(app, store)
    _obey(app, store, script)
    return app


def _fence(app: FastAPI) -> None:
    @app.middleware("http")
    async def fenced(request: Request, proceed: Next) -> Response:
        response = await proceed(request)
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response


def _show(app: FastAPI, store: MailStore, script: Script) -> None:
    templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)

    def page(mail: Mail | None, part: str, words: str) -> HTMLResponse:
        shown = {"mail": mail, "part": part, "words": words, "lines": store.lines(words), "faults": script.faults}
        mails, deliveries = store.count()
        html = templates.get_template("page.html").render(**shown, mails=mails, deliveries=deliveries)
        return HTMLResponse(html)

    @app.get("/")
    async def newest(q: str = "") -> HTMLResponse:
        lines = store.lines(q, limit=1)
        mail = store.mail(lines[0].id) if lines else None
        return page(mail, _best_part(mail), q)

    @app.get("/mails/{number}")
    async def reading(number: int, part: str = "", q: str = "") -> HTMLResponse:
        mail = _found(store, number)
        return page(mail, part if part in PARTS else _best_part(mail), q)

    @app.get("/mails/{number}/html")
    async def html_part(number: int) -> HTMLResponse:
        return HTMLResponse(_found(store, number).html or "", headers={"Content-Security-Policy": MAIL_POLICY})


def _tell(app: FastAPI, store: MailStore) -> None:
    @app.get("/api/mails")
    async def mails(to: str | None = Query(default=None, description="Only mails with this recipient")) -> list[Mail]:
        return store.mails(to)

    @app.get("/api/mails/{number}")
    async def mail(number: int) -> Mail:
        return _found(store, number)

    @app.get("/api/count")
    async def count() -> dict[str, int]:
        mails, deliveries = store.count()
        return {"mails": mails, "deliveries": deliveries}

    @app.get("/healthz")
    async def healthy() -> dict[str, str]:
        return {"status": "ok"}


def _obey(app: FastAPI, store: MailStore, script: Script) -> None:
    @app.delete("/api/mails", status_code=204)
    async def forget() -> None:
        store.clear()

    @app.get("/api/faults")
    async def faults() -> list[Fault]:
        return script.faults

    @app.post("/api/faults", status_code=201)
    async def add(fault: Fault) -> Fault:
        script.add(fault)
        return fault

    @app.delete("/api/faults", status_code=204)
    async def clear() -> None:
        script.clear()


def _found(store: MailStore, number: int) -> Mail:
    mail = store.mail(number)
    if mail is None:
        raise HTTPException(404, f"There is no mail {number}; `GET /api/mails` lists those there are.")
    return mail


def _best_part(mail: Mail | None) -> str:
    return "html" if mail and mail.html is not None else "text"
