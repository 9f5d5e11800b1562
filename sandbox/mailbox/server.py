"""The mailbox as a running thing: the SMTP end and the page to read it, on one event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from sandbox.mailbox.faults import Fault, Script
from sandbox.mailbox.pages import mailbox_app
from sandbox.mailbox.smtp import Dialogue, Reception
from sandbox.mailbox.store import MailStore
from sandbox.ports import LOOPBACK

FILE = "mails.db"


@dataclass(frozen=True)
class RunningMailbox:
    """Where the mailbox listens, what it holds, and how to have it fail."""

    smtp_port: int
    http_port: int
    store: MailStore
    script: Script
    host: str = LOOPBACK

    @property
    def page(self) -> str:
        """The address of the page to read mail."""
        return f"http://{self.host}:{self.http_port}"

    def fail(self, fault: Fault) -> None:
        """Put a scripted fault in force."""
        self.script.add(fault)


@asynccontextmanager
async def running_mailbox(
    smtp_port: int = 0, http_port: int = 0, data: Path | None = None
) -> AsyncIterator[RunningMailbox]:
    """Run the mailbox until the block ends: port 0 is any free one, and without a directory it keeps mail in memory."""
    store, script = MailStore(data / FILE if data else None), Script()
    loop = asyncio.get_running_loop()
    with socket.create_server((LOOPBACK, smtp_port)) as mail, socket.create_server((LOOPBACK, http_port)) as pages:
        smtp = await loop.create_server(
            lambda: Dialogue(Reception(store, script), hostname="mailbox.localhost", enable_SMTPUTF8=True, loop=loop),
            sock=mail,
        )
        web = _Web(uvicorn.Config(mailbox_app(store, script), log_level="warning", lifespan="off", ws="none"))
        serving = asyncio.create_task(web.serve(sockets=[pages]))
        try:
            yield RunningMailbox(mail.getsockname()[1], pages.getsockname()[1], store, script)
        finally:
            web.should_exit = True
            smtp.close()
            await serving
            store.close()


class _Web(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the mailbox."""
        yield
