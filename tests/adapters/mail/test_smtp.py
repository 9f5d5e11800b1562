"""What becomes of a letter at the mail server: taken, refused, not now, or nobody knows; and what is in it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from adapters.mail.smtp import SmtpPostman
from billing.emails import Letter, Recipient
from billing.failures import BillingFailure, FailureCode
from tests.adapters.mail.mail_server import HANG_UP, STALL, MailServer, running_mail_server
from tests.emails.samples import READERS, letter, payloads

SENDER = "Billing Support <billing@house.example>"
REFUSED, BUSY, UNKNOWN = FailureCode.PROVIDER_REFUSED, FailureCode.PROVIDER_BUSY, FailureCode.OUTCOME_UNKNOWN
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with running_mail_server() as running:
        yield running


def postman(server: MailServer, **settings: object) -> SmtpPostman:
    options: dict[str, object] = {
        "timeout": 0.3 if STALL in server.answers.values() else 5.0,
        "now": lambda: NOW,
        **settings,
    }
    return SmtpPostman("127.0.0.1", server.port, SENDER, **options)  # type: ignore[arg-type]


def a_letter(to: Recipient = READERS["en-US"], op_key: str = "dispute/T-4711/letter/r1/resolved") -> Letter:
    return letter(payloads("USD")["dispute_resolved.credited"], to).model_copy(update={"op_key": op_key})


@pytest.mark.parametrize(
    ("moment", "answer", "code", "taken"),
    [
        ("CONNECT", "421 too busy", BUSY, 0),
        ("CONNECT", "554 no service here", BUSY, 0),
        ("CONNECT", HANG_UP, BUSY, 0),
        ("CONNECT", STALL, BUSY, 0),
        ("EHLO", HANG_UP, BUSY, 0),
        ("EHLO", STALL, BUSY, 0),
        ("MAIL", "451 later", BUSY, 0),
        ("MAIL", "550 who are you", BUSY, 0),
        ("MAIL", HANG_UP, BUSY, 0),
        ("MAIL", STALL, BUSY, 0),
        ("RCPT", "421 closing", BUSY, 0),
        ("RCPT", "450 mailbox busy", BUSY, 0),
        ("RCPT", "451 later", BUSY, 0),
        ("RCPT", "550 no such mailbox", REFUSED, 0),
        ("RCPT", "553 no such name", REFUSED, 0),
        ("RCPT", HANG_UP, BUSY, 0),
        ("RCPT", STALL, BUSY, 0),
        ("DATA", "421 closing", BUSY, 0),
        ("DATA", "451 later", BUSY, 0),
        ("DATA", "554 no", REFUSED, 0),
        ("DATA", HANG_UP, BUSY, 0),
        ("DATA", STALL, BUSY, 0),
        (".", "451 later", BUSY, 1),
        (".", "421 closing", BUSY, 1),
        (".", "552 too big", REFUSED, 1),
        (".", "554 looks like spam", REFUSED, 1),
        (".", HANG_UP, UNKNOWN, 1),
        (".", STALL, UNKNOWN, 1),
        (".", "garbage", UNKNOWN, 1),
    ],
)
def test_every_bad_answer_has_one_meaning(
    server: MailServer, moment: str, answer: str, code: FailureCode, taken: int
) -> None:
    server.answers[moment] = answer

    with pytest.raises(BillingFailure) as failure:
        postman(server).deliver(a_letter())

    assert failure.value.code is code
    assert "billing@acme.example" not in failure.value.for_us
    assert len(server.taken) == taken


@pytest.mark.parametrize("answer", [HANG_UP, "500 what?", "421 closing"])
def test_a_rude_farewell_changes_nothing(server: MailServer, answer: str) -> None:
    server.answers["QUIT"] = answer

    receipt = postman(server).deliver(a_letter())

    assert receipt.kept == {"subject": "Billing Dispute #T-4711 - Resolved"}
    assert len(server.taken) == 1


def test_a_server_that_is_not_there_is_only_busy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_again:
        port = closed_again.getsockname()[1]

    with pytest.raises(BillingFailure) as failure:
        SmtpPostman("127.0.0.1", port, SENDER, timeout=0.3).deliver(a_letter())

    assert failure.value.code is BUSY


def test_a_wrong_password_is_named_and_keeps_the_letter(server: MailServer) -> None:
    server.answers["AUTH"] = "535 wrong"

    with pytest.raises(BillingFailure, match="check the user name and password for mail") as failure:
        postman(server, username="billing", password="hunter2").deliver(a_letter())

    assert failure.value.code is BUSY
    assert "hunter2" not in failure.value.for_us
    assert server.taken == []


def test_a_login_goes_before_the_letter(server: MailServer) -> None:
    office = postman(server, username="billing", password="hunter2")

    office.deliver(a_letter())

    verbs = [line.split()[0].upper() for line in server.said]
    assert verbs.index("AUTH") < verbs.index("MAIL")


def test_no_letter_leaves_in_the_clear_when_encryption_is_wanted(server: MailServer) -> None:
    office = postman(server, starttls=True)

    with pytest.raises(BillingFailure) as failure:
        office.deliver(a_letter())

    assert failure.value.code is BUSY
    assert not server.recipients


def test_the_same_letter_has_the_same_message_id_and_another_letter_another(server: MailServer) -> None:
    office = postman(server)

    first, again, other = (office.deliver(a_letter(op_key=key)) for key in ("case/a", "case/a", "case/b"))

    assert first.provider_id == again.provider_id != other.provider_id
    assert [mail["Message-ID"] for mail in server.mails] == [first.provider_id, again.provider_id, other.provider_id]
    assert first.provider_id.endswith("@house.example>")


def test_a_letter_carries_its_case_and_wants_no_robot_to_answer(server: MailServer) -> None:
    postman(server).deliver(a_letter())

    (mail,) = server.mails
    assert mail["From"] == SENDER
    assert mail["To"] == "Billing Contact <billing@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Case"] == "dispute/T-4711"
    assert mail["Date"].datetime == NOW


def test_text_and_html_arrive_as_they_were_written(server: MailServer) -> None:
    to = READERS["ja-JP"].model_copy(update={"name": ".経理部 ü"})

    postman(server).deliver(a_letter(to))

    (mail,) = server.mails
    text, markup = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert markup is not None
    assert text.get_content().startswith("Hello .経理部 ü,\r\n\r\nYou were right: $1,234.50 is yours again.")
    assert '<p style="margin:14px 0 0;">Hello .経理部 ü,</p>' in markup.get_content()
    assert all(len(line) <= 998 for line in server.taken[0].split(b"\r\n"))


def test_a_line_that_begins_with_a_dot_does_not_end_the_letter(server: MailServer) -> None:
    resolved = payloads("USD")["dispute_resolved.credited"].model_copy(update={"summary": "first\n.\n..\n.end"})

    postman(server).deliver(letter(resolved, READERS["en-US"]))

    (mail,) = server.mails
    text = mail.get_body(("plain",))
    assert text is not None
    assert "first\r\n.\r\n..\r\n.end\r\n" in text.get_content()


def test_an_address_in_another_script_reaches_a_server_that_knows_it(server: MailServer) -> None:
    to = Recipient(name="経理部", email="経理@例え.example")

    postman(server).deliver(a_letter(to))

    assert server.recipients == ["rcpt TO:<経理@xn--r8jz45g.example>"]


def test_an_address_in_another_script_is_refused_where_the_server_cannot(server: MailServer) -> None:
    server.answers["EHLO"] = "250 mail.example"

    with pytest.raises(BillingFailure, match="ask for another address") as failure:
        postman(server).deliver(a_letter(Recipient(email="経理@rei.example")))

    assert failure.value.code is REFUSED
    assert server.taken == []


@pytest.mark.parametrize("sender", ["", "Billing Support", "a@b.example, c@d.example", "<>"])
def test_a_sender_that_is_not_one_address_is_refused_at_once(sender: str) -> None:
    with pytest.raises(BillingFailure, match="is not one address") as failure:
        SmtpPostman("127.0.0.1", 25, sender)

    assert failure.value.code is FailureCode.INVALID


def test_a_letter_about_a_payment_names_the_page_to_pay_at_and_the_sender_to_ask(server: MailServer) -> None:
    failed = letter(payloads("USD")["payment_failed"], READERS["en-US"])

    postman(server, billing_portal_url="https://pay.house.example/sign-in").deliver(failed)

    (mail,) = server.mails
    words = " ".join(mail.get_body(("plain",)).get_content().split())
    assert "update your payment method at: https://pay.house.example/sign-in" in words
    assert "write to billing@house.example" in words
