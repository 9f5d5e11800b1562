"""Servers that say what a test wants, each in a thread of its own for as long as a block lasts."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

LOOK_FOR_THE_END_SECONDS = 0.01


class ScriptedServer(socketserver.ThreadingTCPServer):
    """On a free port of the loopback; who stalls waits for `closing`, so that no test waits for it at the end."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, exchange: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), exchange)
        self.closing = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Silent:
    """What an exchange over HTTP is made of besides `BaseHTTPRequestHandler`, so that it prints nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


Server = TypeVar("Server", bound=ScriptedServer)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """The server, answering until the block ends."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": LOOK_FOR_THE_END_SECONDS})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
