"""What every postman promises, asked of the real one and of the fake."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest

from activities.ports import Postman
from adapters.mail.smtp import SmtpPostman
from billing.emails import Letter, Recipient
from billing.failures import BillingFailure, FailureCode
from tests.adapters.mail.mail_server import HANG_UP, MailServer, running_mail_server
from tests.emails.samples import READERS, letter, payloads
from tests.fakes.postman import FakePostman


class Office(ABC):
    """A postman with a mailbox behind it, in which the next delivery can be made to fail."""

    postman: Postman

    @abstractmethod
    def arrived(self) -> list[str]:
        """The Message-ID of every copy in the mailbox."""

    @abstractmethod
    def fail_once(self, code: FailureCode) -> None: ...

    @abstractmethod
    def calm(self) -> None: ...


# How a mail server brings each outcome about: at which moment it says what.
FAILING = {
    FailureCode.PROVIDER_REFUSED: ("RCPT", "550 no such mailbox"),
    FailureCode.PROVIDER_BUSY: ("RCPT", "451 later"),
    FailureCode.OUTCOME_UNKNOWN: (".", HANG_UP),
}


class RealOffice(Office):
    def __init__(self, server: MailServer) -> None:
        self.server = server
        self.usual = dict(server.answers)
        self.postman = SmtpPostman("127.0.0.1", server.port, "Billing Support <billing@billing.example>", timeout=1)

    def arrived(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.server.mails]

    def fail_once(self, code: FailureCode) -> None:
        moment, answer = FAILING[code]
        self.server.answers[moment] = answer

    def calm(self) -> None:
        self.server.answers = dict(self.usual)


class FakeOffice(Office):
    def __init__(self) -> None:
        self.fake = FakePostman()
        self.postman = self.fake

    def arrived(self) -> list[str]:
        return [delivered.message_id for delivered in self.fake.mailbox]

    def fail_once(self, code: FailureCode) -> None:
        self.fake.fail_next(code, arrives=code is FailureCode.OUTCOME_UNKNOWN)

    def calm(self) -> None:
        """The fake fails only as often as it was told."""


@pytest.fixture(params=["real", "fake"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    if request.param == "fake":
        yield FakeOffice()
        return
    with running_mail_server() as server:
        yield RealOffice(server)


def a_letter(op_key: str = "dispute/T-4711/letter/r1/update-1") -> Letter:
    return letter(payloads("USD")["dispute_update"], READERS["de-DE"]).model_copy(update={"op_key": op_key})


def test_a_delivered_letter_is_in_the_mailbox_under_its_message_id(office: Office) -> None:
    receipt = office.postman.deliver(a_letter())

    assert office.arrived() == [receipt.provider_id]
    assert receipt.kept == {"subject": "Billing Dispute #T-4711 - Update"}


def test_the_real_postman_and_the_fake_give_a_letter_the_same_identity(office: Office) -> None:
    receipt = office.postman.deliver(a_letter())

    assert receipt.provider_id == FakePostman().deliver(a_letter()).provider_id


@pytest.mark.parametrize("code", [FailureCode.PROVIDER_REFUSED, FailureCode.PROVIDER_BUSY])
def test_a_refused_or_postponed_letter_has_not_arrived_and_may_be_sent_again(office: Office, code: FailureCode) -> None:
    office.fail_once(code)

    with pytest.raises(BillingFailure) as failure:
        office.postman.deliver(a_letter())

    assert failure.value.code is code
    assert office.arrived() == []
    office.calm()
    office.postman.deliver(a_letter())
    assert len(office.arrived()) == 1


def test_after_a_lost_answer_a_second_copy_is_recognisable_as_the_first(office: Office) -> None:
    office.fail_once(FailureCode.OUTCOME_UNKNOWN)

    with pytest.raises(BillingFailure) as failure:
        office.postman.deliver(a_letter())
    office.calm()
    receipt = office.postman.deliver(a_letter())

    assert failure.value.code is FailureCode.OUTCOME_UNKNOWN
    assert office.arrived() == [receipt.provider_id, receipt.provider_id]


def test_an_address_that_is_none_is_refused_by_both(office: Office) -> None:
    nowhere = Recipient.model_construct(name="", email="nowhere", locale="en-US", zone="UTC")

    with pytest.raises(BillingFailure) as failure:
        office.postman.deliver(a_letter().model_copy(update={"to": nowhere}))

    assert failure.value.code is FailureCode.PROVIDER_REFUSED
    assert office.arrived() == []
