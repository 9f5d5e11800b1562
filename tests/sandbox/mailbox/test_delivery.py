"""Mail that arrives, mail that arrives twice, and mail that fails to arrive in every scripted way."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest

from sandbox.mailbox import Fault, FaultKind, MailStore, RunningMailbox, running_mailbox

CUSTOMER = "billing@acme.example"


def acknowledgement(
    to: str = CUSTOMER, message_id: str = "<dispute/T-4711/acknowledge@provider.example>"
) -> EmailMessage:
    message = EmailMessage()
    message["Message-ID"] = message_id
    message["From"] = "Billing <billing@provider.example>"
    message["To"] = to
    message["Subject"] = "We received your dispute — Grüße"
    message.set_content("We look into it within 4 hours.")
    message.add_alternative("<p>We look into it within <b>4 hours</b>.</p>", subtype="html")
    return message


async def send(mailbox: RunningMailbox, message: EmailMessage | None = None, timeout_seconds: float = 5) -> None:
    def deliver() -> None:
        with smtplib.SMTP(mailbox.host, mailbox.smtp_port, timeout=timeout_seconds) as session:
            session.send_message(message or acknowledgement())

    await asyncio.to_thread(deliver)


async def test_a_mail_is_kept_with_everything_its_reader_would_see(mailbox: RunningMailbox) -> None:
    await send(mailbox)

    [mail] = mailbox.store.mails()
    assert (mail.sender, mail.recipients) == ("billing@provider.example", [CUSTOMER])
    assert mail.subject == "We received your dispute — Grüße"
    assert mail.text == "We look into it within 4 hours.\n"
    assert mail.html == "<p>We look into it within <b>4 hours</b>.</p>\n"
    assert ("From", "Billing <billing@provider.example>") in mail.headers
    assert mail.deliveries == 1


async def test_the_same_message_id_is_shown_once_with_its_number_of_deliveries(mailbox: RunningMailbox) -> None:
    await send(mailbox)
    await send(mailbox)
    await send(mailbox, acknowledgement(to="lead-1@ops.example"))
    await send(mailbox, acknowledgement(message_id="<another@provider.example>"))

    first, second = mailbox.store.mails()
    assert (first.deliveries, first.recipients) == (3, [CUSTOMER, "lead-1@ops.example"])
    assert second.deliveries == 1
    assert mailbox.store.count() == (2, 4)


async def test_mails_without_a_message_id_are_never_taken_for_one(mailbox: RunningMailbox) -> None:
    message = acknowledgement()
    del message["Message-ID"]

    await send(mailbox, message)
    await send(mailbox, message)

    assert mailbox.store.count() == (2, 2)


@pytest.mark.parametrize(
    ("kind", "seen_by_the_sender", "deliveries"),
    [
        (FaultKind.UNAVAILABLE, smtplib.SMTPRecipientsRefused, 0),
        (FaultKind.DEFERRED, smtplib.SMTPRecipientsRefused, 0),
        (FaultKind.REFUSED, smtplib.SMTPRecipientsRefused, 0),
        (FaultKind.DROPPED_BEFORE_DATA, smtplib.SMTPServerDisconnected, 0),
        (FaultKind.DROPPED_AFTER_DATA, smtplib.SMTPServerDisconnected, 1),
        (FaultKind.STALLED, smtplib.SMTPServerDisconnected, 1),
    ],
)
async def test_a_scripted_failure_looks_to_the_sender_like_the_real_one(
    mailbox: RunningMailbox, kind: FaultKind, seen_by_the_sender: type[Exception], deliveries: int
) -> None:
    mailbox.fail(Fault(kind=kind, seconds=1))

    with pytest.raises(seen_by_the_sender):
        await send(mailbox, timeout_seconds=0.3)

    assert mailbox.store.count()[1] == deliveries


@pytest.mark.parametrize(
    ("kind", "code"), [(FaultKind.UNAVAILABLE, 421), (FaultKind.DEFERRED, 451), (FaultKind.REFUSED, 550)]
)
async def test_a_refusal_carries_its_code(mailbox: RunningMailbox, kind: FaultKind, code: int) -> None:
    mailbox.fail(Fault(kind=kind))

    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        await send(mailbox)

    assert refusal.value.recipients[CUSTOMER][0] == code


async def test_faults_strike_the_tries_and_recipients_they_name(mailbox: RunningMailbox) -> None:
    mailbox.fail(Fault(kind=FaultKind.DEFERRED, to="*@ACME.example", attempts=frozenset({1, 3})))

    async def outcome(to: str) -> bool:
        try:
            await send(mailbox, acknowledgement(to=to))
        except smtplib.SMTPRecipientsRefused:
            return False
        return True

    assert [await outcome(CUSTOMER) for _ in range(4)] == [False, True, False, True]
    assert await outcome("lead-1@ops.example")


async def test_mail_survives_a_restart(tmp_path: Path) -> None:
    async with running_mailbox(data=tmp_path / "mailbox") as before:
        await send(before)

    async with running_mailbox(data=tmp_path / "mailbox") as after:
        assert after.store.count() == (1, 1)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: =?nonsense?Q?=FF?=\r\nMessage-ID: \xff\xfe\r\n\r\n\xff",
        b"Content-Type: text/plain; charset=does-not-exist\r\n\r\nhello \xff",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--y\r\n\r\nnever closed",
        b'From: "unfinished <a@b\r\nTo: ,,;:<>\r\nDate: never\r\n\r\nbody',
        b"Subject: a\r\n b\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!",
    ],
)
def test_a_malformed_mail_is_kept_and_shown_as_far_as_it_goes(raw: bytes) -> None:
    store = MailStore()

    store.receive("a@b.example", [CUSTOMER], raw)

    [mail] = store.mails()
    assert mail.recipients == [CUSTOMER]
    store.close()
