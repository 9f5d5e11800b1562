"""A mail server that says exactly what a test wants, command by command, and keeps what it was given."""

from __future__ import annotations

import socketserver
from contextlib import AbstractContextManager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8

from tests.fakes.servers import ScriptedServer, serving

HANG_UP = "hang up"
STALL = "stall"

_CALM = {
    "CONNECT": "220 ready",
    "EHLO": "250-mail.example\r\n250-SMTPUTF8\r\n250 AUTH PLAIN",
    "HELO": "250 mail.example",
    "AUTH": "235 welcome",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go ahead",
    ".": "250 taken",
    "QUIT": "221 bye",
}


class MailServer(ScriptedServer):
    """Answers each command as `answers` says; `taken` holds the raw mails whose final dot arrived.

    `HANG_UP` closes the connection in place of an answer, `STALL` says nothing until the server is closed.
    """

    def __init__(self) -> None:
        super().__init__(_Dialogue)
        self.answers = dict(_CALM)
        self.taken: list[bytes] = []
        self.said: list[str] = []

    @property
    def mails(self) -> list[EmailMessage]:
        """The mails as a mail program reads them."""
        return [message_from_bytes(raw, _class=EmailMessage, policy=SMTPUTF8) for raw in self.taken]

    @property
    def recipients(self) -> list[str]:
        return [line for line in self.said if line.upper().startswith("RCPT")]


class _Dialogue(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        go_on = self._answer("CONNECT")
        while go_on and (line := self.rfile.readline()):
            command = line.decode().strip()
            self.server.said.append(command)
            verb = command[:4].upper()
            go_on = self._answer(verb)
            if verb == "DATA" and self.server.answers["DATA"].startswith("354") and go_on:
                go_on = self._take()

    def _take(self) -> bool:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line[1:] if line.startswith(b".") else line)
        self.server.taken.append(b"".join(lines))
        return self._answer(".")

    def _answer(self, moment: str) -> bool:
        answer = self.server.answers.get(moment, "500 what?")
        if answer == STALL:
            self.server.closing.wait()
        if answer in (HANG_UP, STALL):
            return False
        self.wfile.write(f"{answer}\r\n".encode())
        return moment != "QUIT"


def running_mail_server() -> AbstractContextManager[MailServer]:
    """A server on a free port of the loopback until the block ends."""
    return serving(MailServer())
