"""A Zendesk account in memory, spoken to over HTTP: tickets with comments, in pages, failing on request."""

from __future__ import annotations

import base64
import json
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.servers import ScriptedServer, Silent, serving


class FakeZendesk(ScriptedServer):
    """Tickets with comments, ten to a page; `fail_next` holds what the next writes answer, and whether they are kept."""

    def __init__(self) -> None:
        super().__init__(_Exchange)
        self.comments: dict[str, list[dict[str, Any]]] = {"4711": []}
        self.fail_next: list[tuple[int, bool]] = []
        self.logins: set[str] = set()


class _Exchange(Silent, BaseHTTPRequestHandler):
    server: FakeZendesk

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        comments = self.server.comments.get(asked.path.split("/")[4])
        if comments is None:
            return self._say(404, {})
        start = int(parse_qs(asked.query).get("page[after]", ["0"])[0])
        newest = comments[::-1]
        more = start + 10 < len(newest)
        return self._say(
            200, {"comments": newest[start : start + 10], "meta": {"has_more": more, "after_cursor": str(start + 10)}}
        )

    def do_PUT(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, kept = self.server.fail_next.pop(0) if self.server.fail_next else (200, True)
        if kept:
            number = self.path.split("/")[4].removesuffix(".json")
            self.server.comments[number].append(content["ticket"]["comment"])
        self._say(status, {"ticket": {}})

    def _say(self, status: int, content: object) -> None:
        self.server.logins.add(base64.b64decode(self.headers["Authorization"].split()[1]).decode())
        raw = json.dumps(content).encode()
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def running_fake_zendesk() -> AbstractContextManager[FakeZendesk]:
    """An account on a free port of the loopback until the block ends."""
    return serving(FakeZendesk())
