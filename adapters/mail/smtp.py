"""Handing a letter to a mail server, and knowing afterwards whether it left: yes, no, or nobody can say."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from ssl import create_default_context
from typing import Protocol

from activities.ports import ProviderAnswer
from adapters.mail.message import compose
from adapters.mail.render import House, render
from billing.emails import Letter
from billing.failures import BillingFailure, FailureCode

_OK = range(200, 300)
_GO_AHEAD = 354


class Documents(Protocol):
    """Where attachments come from."""

    def pdf(self, name: str) -> tuple[str, str, bytes]:
        """Number, SHA-256 and bytes of a printed document by its number."""


class SmtpPostman:
    """Delivers letters over SMTP, one connection each; satisfies `activities.ports.Postman`.

    `sender` is `Name <address>` and signs the letters with its name. `billing_portal_url` is where customers change how
    they pay, empty when there is no such place. `timeout` in seconds holds for each answer of the
    server. `starttls` encrypts before anything is said; `username` and `password` log in when given.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        timeout: float = 10.0,
        starttls: bool = False,
        username: str = "",
        password: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        documents: Documents | None = None,
        billing_portal_url: str = "",
    ) -> None:
        self._server = (host, port)
        self._sender = _sender_address(sender)
        self._timeout = timeout
        self._starttls = starttls
        self._login = (username, password) if username else None
        self._now = now
        self._documents = documents
        self._house = House(self._sender.display_name or "Billing", self._sender.addr_spec, billing_portal_url)

    def deliver(self, letter: Letter) -> ProviderAnswer:
        """Render and send (see the port); `kept` holds the subject. Raises INVALID for a letter that cannot be written."""
        message = compose(letter, render(letter, self._house), self._sender, self._now(), self._attached(letter))
        with self._connection() as server:
            with _nothing_accepted_yet():
                self._greet(server)
                self._address(server, message["To"].addresses[0].addr_spec)
                _begin(server)
                server.send(_dot_stuffed(message))
            _end(server)
        return ProviderAnswer(provider_id=str(message["Message-ID"]), kept={"subject": str(message["Subject"])})

    def _attached(self, letter: Letter) -> dict[str, bytes]:
        """The attachments by file name; a document that is not the one the letter was frozen with is not sent."""
        attached = {}
        for attachment in letter.attachments:
            if self._documents is None:
                raise BillingFailure(FailureCode.INVALID, f"{letter.op_key}: this postman has no documents to attach")
            _, sha256, content = self._documents.pdf(attachment.number)
            if sha256 != attachment.sha256:
                raise BillingFailure(
                    FailureCode.CONFLICT,
                    f"{letter.op_key}: {attachment.number} is another document than was to be sent",
                )
            attached[attachment.file_name] = content
        return attached

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        server = smtplib.SMTP(timeout=self._timeout)
        try:
            yield server
        finally:
            # The outcome is known by now; a server that hangs up without a farewell changes nothing.
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _greet(self, server: smtplib.SMTP) -> None:
        code, answer = server.connect(*self._server)
        if code != 220:
            raise smtplib.SMTPConnectError(code, answer)
        server.ehlo_or_helo_if_needed()
        if self._starttls:
            server.starttls(context=create_default_context())
            server.ehlo()
        if self._login:
            server.login(*self._login)

    def _address(self, server: smtplib.SMTP, recipient: str) -> None:
        utf8 = not recipient.isascii()
        if utf8 and not server.has_extn("smtputf8"):
            raise BillingFailure(
                FailureCode.PROVIDER_REFUSED,
                "the mail server cannot deliver to an address with letters outside ASCII: ask for another address",
            )
        code, answer = server.mail(self._sender.addr_spec, ["SMTPUTF8"] if utf8 else [])
        if code not in _OK:
            # Our own sender is refused, not this letter: it waits until the server or the setting is put right.
            raise smtplib.SMTPSenderRefused(code, answer, self._sender.addr_spec)
        code, answer = server.rcpt(recipient)
        if code not in _OK:
            raise _refused_or_busy("the recipient", code)


def _begin(server: smtplib.SMTP) -> None:
    code, _ = server.docmd("DATA")
    if code != _GO_AHEAD:
        raise _refused_or_busy("the letter", code)


def _end(server: smtplib.SMTP) -> None:
    """Say the final dot. From here on silence does not mean no: the server may have taken the letter."""
    try:
        server.send(b".\r\n")
        code, _ = server.getreply()
    except OSError as error:  # every SMTPException is one
        raise _unknown(f"fell silent ({type(error).__name__})") from error
    if not 200 <= code <= 599:
        raise _unknown("answered nonsense")
    if code not in _OK:
        raise _refused_or_busy("the letter", code)


@contextmanager
def _nothing_accepted_yet() -> Iterator[None]:
    """Until the final dot every broken connection means that no letter was accepted."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        # Its own words may repeat what we said.
        raise _busy(f"it refused our login ({error.smtp_code}); check the user name and password for mail") from None
    except smtplib.SMTPResponseException as error:
        raise _busy(f"it answered {error.smtp_code} before the letter was handed over") from error
    except OSError as error:
        raise _busy(f"the connection failed ({type(error).__name__})") from error


def _refused_or_busy(what: str, code: int) -> BillingFailure:
    """A 5xx is a permanent no; anything else may pass."""
    if 500 <= code <= 599:
        return BillingFailure(FailureCode.PROVIDER_REFUSED, f"the mail server refused {what} for good ({code})")
    return _busy(f"it will not take {what} now ({code})")


def _busy(why: str) -> BillingFailure:
    return BillingFailure(FailureCode.PROVIDER_BUSY, f"the mail server took nothing: {why}")


def _unknown(what: str) -> BillingFailure:
    return BillingFailure(
        FailureCode.OUTCOME_UNKNOWN, f"the mail server {what} after it had the whole letter: it may have been sent"
    )


def _dot_stuffed(message: EmailMessage) -> bytes:
    """The message as DATA wants it, without the final dot: a line that begins with a dot gets another one."""
    return re.sub(rb"(?m)^\.", b"..", message.as_bytes())


def _sender_address(sender: str) -> Address:
    probe = EmailMessage()
    probe["From"] = sender
    addresses = probe["From"].addresses
    if len(addresses) != 1 or not addresses[0].domain:
        raise BillingFailure(
            FailureCode.INVALID,
            f'the sender {sender!r} is not one address: write "Billing Support <billing@your.domain>"',
        )
    return Address(display_name=addresses[0].display_name, addr_spec=addresses[0].addr_spec)
