"""A name or address from a ticket can never add a header, a recipient or a second letter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.mail.smtp import SmtpPostman
from billing.emails import Recipient
from billing.failures import BillingFailure, FailureCode
from tests.adapters.mail.mail_server import MailServer, running_mail_server
from tests.emails.samples import letter, payloads

HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Case", "MIME-Version", "Content-Type",
}  # fmt: skip

NAMES = (
    "Mallory\r\nBcc: everyone@acme.example",
    "Mallory\nBcc: everyone@acme.example",
    "Mallory\rBcc: everyone@acme.example",
    "Mallory\r\n\r\n<h1>another letter</h1>",
    "Mallory\x0bBcc: everyone@acme.example",
    "Mallory\x0cBcc: everyone@acme.example",
    "Mallory\x1c\x1d\x1eBcc: everyone@acme.example",
    "Mallory\x85Bcc: everyone@acme.example",
    "Mallory\u2028Bcc: everyone@acme.example",
    "Mallory\u2029Bcc: everyone@acme.example",
    "Mallory\x00",
    "=?utf-8?q?Mallory=0d=0aBcc:_everyone=40acme.example?=",
    "=?utf-8?b?TWFsbG9yeQ0KQmNjOiBldmVyeW9uZUBhY21lLmV4YW1wbGU=?=",
    "==?utf-8?q??=?utf-8?q?Mallory=0aBcc:_x=40y.example?=",
    "=\r\n?utf-8?q?Mallory=0aBcc:_x=40y.example?=",
    "Mallory <everyone@acme.example>",
    '" <everyone@acme.example>, "',
    "everyone@acme.example, Mallory",
    "Mallory\\",
    "Mallory (comment) ; group: a@b.example;",
    "%0d%0aBcc: everyone@acme.example",
    "\N{RIGHT-TO-LEFT OVERRIDE}yrollaM\N{ZERO WIDTH SPACE}",
    "M" * 300,
    "名" * 300,
)

ADDRESSES = (
    "a@b.example\r\nBcc: everyone@acme.example",
    "a@b.example\nRCPT TO:<everyone@acme.example>",
    "a@b.example, everyone@acme.example",
    "a@b.example;everyone@acme.example",
    "a@b.example> SIZE=1 <everyone@acme.example",
    "<everyone@acme.example>",
    "a b@acme.example",
    "a@b@acme.example",
    "everyone@acme.example\x00",
    "=?utf-8?q?a=0d=0aBcc:_x?=@acme.example\r\n",
    "a@acme..example",
    "a@",
    "@acme.example",
    "acme.example",
    "",
    "a(comment)@acme.example",
    '"quoted user"@acme.example',
    "a\u2028@acme.example",
    "a@acme.example\u2028",
    "a@" + "x" * 70 + ".example",
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running_mail_server() as running:
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_stays_a_name(server: MailServer, name: str) -> None:
    to = Recipient.model_construct(name=name, email="mallory@acme.example", locale="en-US", zone="UTC")
    hostile = letter(payloads("USD")["dispute_update"], READER).model_copy(update={"to": to})

    SmtpPostman("127.0.0.1", server.port, "Billing <billing@house.example>", timeout=1).deliver(hostile)

    (mail,) = server.mails
    assert server.recipients == ["rcpt TO:<mallory@acme.example>"]
    assert set(mail.keys()) == HEADERS
    assert [address.addr_spec for address in mail["To"].addresses] == ["mallory@acme.example"]
    assert len(list(mail.iter_parts())) == 2


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_hostile_address_receives_nothing(server: MailServer, address: str) -> None:
    to = Recipient.model_construct(name="Mallory", email=address, locale="en-US", zone="UTC")
    hostile = letter(payloads("USD")["dispute_update"], READER).model_copy(update={"to": to})

    with pytest.raises(BillingFailure) as failure:
        SmtpPostman("127.0.0.1", server.port, "Billing <billing@house.example>", timeout=1).deliver(hostile)

    assert failure.value.code is FailureCode.PROVIDER_REFUSED
    assert server.said == []


@pytest.mark.parametrize("words", ["T-1\r\nBcc: x@y.example", "=?utf-8?q?T=0d=0aBcc:_x=40y.example?=", "T-1\u2028B: c"])
def test_a_hostile_subject_or_case_adds_no_header(server: MailServer, words: str) -> None:
    update = payloads("USD")["dispute_update"].model_copy(update={"ticket_id": words})
    hostile = letter(update, READER).model_copy(update={"case_id": words})

    SmtpPostman("127.0.0.1", server.port, "Billing <billing@house.example>", timeout=1).deliver(hostile)

    (mail,) = server.mails
    assert set(mail.keys()) == HEADERS
    assert len(server.recipients) == 1


READER = Recipient(name="Reader", email="reader@acme.example")
