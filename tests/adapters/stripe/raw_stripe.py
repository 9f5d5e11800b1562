"""A server that answers HTTP requests byte by byte as scripted, for answers no simulator of Stripe would give."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.fakes.servers import ScriptedServer, Silent, serving


@dataclass(frozen=True)
class Reply:
    """One answer. `short_by` promises more bytes than follow; `silent` hangs up, `stalled` says nothing at all."""

    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)
    short_by: int = 0
    silent: bool = False
    stalled: bool = False


def problem(status: int, error: dict[str, str], **headers: str) -> Reply:
    """An error as Stripe words it."""
    return Reply(
        status, json.dumps({"error": error}), {name.replace("_", "-"): value for name, value in headers.items()}
    )


class RawStripe(ScriptedServer):
    """Gives `reply` to every request and keeps the idempotency key of each in `keys`."""

    def __init__(self) -> None:
        super().__init__(_Exchange)
        self.reply = Reply()
        self.keys: list[str | None] = []


class _Exchange(Silent, BaseHTTPRequestHandler):
    server: RawStripe

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        reply = self.server.reply
        self.server.keys.append(self.headers.get("Idempotency-Key"))
        self.close_connection = True
        if reply.stalled:
            self.server.closing.wait()
        if reply.silent or reply.stalled:
            return
        body = reply.body.encode()
        self.send_response(reply.status)
        for name, value in {"Request-Id": "req_1", "Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + reply.short_by))
        self.end_headers()
        self.wfile.write(body)


def running_raw_stripe() -> AbstractContextManager[RawStripe]:
    """A server on a free port of the loopback until the block ends."""
    return serving(RawStripe())
