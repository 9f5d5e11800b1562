"""Mails as they arrived, each Message-ID once with the number of its deliveries."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from pydantic import BaseModel

SCHEMA = """
create table if not exists mails (
    id integer primary key,
    message_id text not null unique,
    sender text not null,
    recipients text not null,
    subject text not null,
    received_at text not null,
    deliveries integer not null default 1,
    raw blob not null
)
"""
COLUMNS = "id, message_id, sender, recipients, subject, received_at, deliveries"


class MailLine(BaseModel):
    """What a list of mails shows of one."""

    id: int
    message_id: str
    sender: str
    """The envelope's sender, where bounces would go."""
    recipients: list[str]
    """The envelope's recipients over all deliveries, whatever the headers say."""
    subject: str
    received_at: datetime
    """Moment of the first delivery, in UTC."""
    deliveries: int
    """How often this Message-ID arrived; more than 1 is a mail that its reader got twice."""


class Attachment(BaseModel):
    """A part of a mail that is neither its text nor its HTML."""

    name: str
    content_type: str
    size: int
    """In bytes."""


class Mail(MailLine):
    """One mail in full, as its first delivery brought it."""

    text: str | None
    html: str | None
    headers: list[tuple[str, str]]
    attachments: list[Attachment]


class MailStore:
    """Every mail received, in an SQLite file, or in memory when no file is given."""

    def __init__(self, file: Path | None = None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute(SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def receive(self, sender: str, recipients: list[str], raw: bytes) -> None:
        """Keep one delivery; it is on disk on return. A known Message-ID counts up and adds its recipients."""
        message = _parsed(raw)
        message_id = _header(message, "Message-ID") or f"<without-{uuid.uuid4()}@mailbox>"
        known = self._database.execute("select recipients from mails where message_id = ?", [message_id]).fetchone()
        everyone = list(dict.fromkeys([*(json.loads(known[0]) if known else []), *recipients]))
        self._database.execute(
            "insert into mails (message_id, sender, recipients, subject, received_at, raw) values (?, ?, ?, ?, ?, ?) "
            "on conflict (message_id) do update set deliveries = deliveries + 1, recipients = excluded.recipients",
            [
                message_id,
                sender,
                json.dumps(everyone),
                _header(message, "Subject"),
                datetime.now(UTC).isoformat(),
                raw,
            ],
        )

    def lines(self, words: str = "", limit: int = 500) -> list[MailLine]:
        """The newest mails first, only those with `words` in their subject or an address."""
        found = self._database.execute(
            f"select {COLUMNS} from mails where instr(lower(subject || ' ' || sender || ' ' || recipients), lower(?)) > 0 "  # noqa: S608 - constant columns
            "order by id desc limit ?",
            [words.strip(), limit],
        )
        return [_line(row) for row in found]

    def mails(self, to: str | None = None) -> list[Mail]:
        """All mails in full in the order they arrived, or those of one recipient."""
        numbers = [number for (number,) in self._database.execute("select id from mails order by id")]
        found = (self.mail(number) for number in numbers)
        return [mail for mail in found if mail and (to is None or to in mail.recipients)]

    def mail(self, number: int) -> Mail | None:
        """One mail in full."""
        row = self._database.execute(f"select {COLUMNS}, raw from mails where id = ?", [number]).fetchone()  # noqa: S608 - constant columns
        if row is None:
            return None
        message = _parsed(row[-1])
        return Mail(
            **_line(row[:-1]).model_dump(),
            text=_body(message, "plain"),
            html=_body(message, "html"),
            headers=list(_headers(message)),
            attachments=[_attachment(part) for part in message.iter_attachments()] if message.is_multipart() else [],
        )

    def count(self) -> tuple[int, int]:
        """How many mails there are, and how many deliveries they took."""
        mails, deliveries = self._database.execute(
            "select count(*), coalesce(sum(deliveries), 0) from mails"
        ).fetchone()
        return int(mails), int(deliveries)

    def clear(self) -> None:
        """Forget every mail."""
        self._database.execute("delete from mails")


def _line(row: tuple[object, ...]) -> MailLine:
    shown = dict(zip(COLUMNS.split(", "), row, strict=True))
    return MailLine.model_validate({**shown, "recipients": json.loads(str(shown["recipients"]))})


def _parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError(f"the standard policy parses a mail into {type(message).__name__}")
    return message


def _headers(message: EmailMessage) -> Iterator[tuple[str, str]]:
    """Headers as read by the standard library, or as they stand where it cannot read them."""
    for name, raw in message.raw_items():
        try:
            yield name, str(message.policy.header_fetch_parse(name, raw))
        except (ValueError, IndexError, LookupError):
            yield name, str(raw)


def _header(message: EmailMessage, wanted: str) -> str:
    return next((value.strip() for name, value in _headers(message) if name.lower() == wanted.lower()), "")


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, ValueError):  # a character set that does not exist, or is not what the bytes are in
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", errors="replace") if isinstance(payload, bytes) else str(payload)


def _attachment(part: EmailMessage) -> Attachment:
    payload = part.get_payload(decode=True)
    return Attachment(
        name=part.get_filename() or "unnamed",
        content_type=part.get_content_type(),
        size=len(payload) if isinstance(payload, bytes) else 0,
    )
