"""Every way a mail server fails, every moment a process dies, for letters of both kinds: who gets how many copies.

SMTP has no answer to a lost acknowledgement. A letter a person acts on is then left to a person; any other one may arrive
twice, under one Message-ID.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import pytest

from activities.letters import Letters, LetterToCustomer, LetterToOperators, Posted
from activities.ports import OperatorDirectory, Postman, ProviderAnswer
from adapters.mail.smtp import SmtpPostman
from billing.authority import Role
from billing.calendars import BusinessCalendar
from billing.cases import OpenedCase
from billing.disputes import Category, Requester, Severity, Ticket
from billing.emails import Letter, Recipient
from billing.failures import BillingFailure, FailureCode
from billing.policy.standard import STANDARD
from tests.adapters.mail.mail_server import HANG_UP, STALL, MailServer, running_mail_server
from tests.emails.samples import payloads
from tests.fakes.effects import FakeEffects

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TRIES_MAX = 6

MODES: dict[str, dict[str, str]] = {
    "ok": {},
    "421": {"RCPT": "421 closing"},
    "451": {"RCPT": "451 later"},
    "550": {"RCPT": "550 no such mailbox"},
    "dropped before the letter": {"DATA": HANG_UP},
    "dropped after the letter": {".": HANG_UP},
    "stalled after the letter": {".": STALL},
}
LOST_ANSWERS = {"dropped after the letter", "stalled after the letter"}


class ProcessDiedError(Exception):
    """The process ended here, once."""


@dataclass
class MortalPostman:
    """Delivers through another postman, in a process that dies once `before` or `after` it, or never."""

    postman: Postman
    dies: str

    def deliver(self, letter: Letter) -> ProviderAnswer:
        dies, self.dies = self.dies, "never"
        if dies == "before":
            raise ProcessDiedError
        answer = self.postman.deliver(letter)
        if dies == "after":
            raise ProcessDiedError
        return answer


def a_case() -> OpenedCase:
    ticket = Ticket(
        ticket_id="T-4711",
        tenant_id="acme",
        period="2026-10",
        meters=("api_calls",),
        category=Category.USAGE_CALCULATION,
        claimed_amount=Decimal(120),
        billed_amount=Decimal(168),
        currency="USD",
        requester=Requester(name="Accounts", email="accounts@acme.example"),
        opened_at=NOW,
    )
    return OpenedCase(
        case_id="dispute/T-4711",
        round=1,
        ticket=ticket,
        tenant=None,
        invoice_id=None,
        invoice_number=None,
        severity=Severity.LOW,
        escalation_reasons=(),
        policy=STANDARD,
        calendar=BusinessCalendar.without_holidays("UTC"),
    )


def posted_in_the_end(server: MailServer, write: Callable[[], Posted]) -> Posted:
    """Repeat the activity as Temporal does; from the second try on the server is well again."""
    well = dict(server.answers) | {"RCPT": "250 ok", "DATA": "354 go ahead", ".": "250 taken"}
    for _ in range(TRIES_MAX):
        try:
            return write()
        except (ProcessDiedError, BillingFailure) as failure:
            assert not getattr(failure, "final", False)
            server.answers = well
    return pytest.fail("the letter is stuck")


@dataclass
class Leads:
    """The leads by name with their addresses; a mailbox that is full takes nothing."""

    addresses: dict[str, str]
    full: str = ""
    reached: list[str] = field(default_factory=list)

    def recipients(self, role: Role) -> list[Recipient]:
        return [Recipient(name=name, email=email) for name, email in sorted(self.addresses.items())]

    def role_of(self, operator_id: str) -> Role | None:
        return Role.LEAD

    def deliver(self, letter: Letter) -> ProviderAnswer:
        if letter.to.email == self.full:
            raise BillingFailure(FailureCode.PROVIDER_BUSY, "the mailbox is full")
        self.reached.append(letter.to.email)
        return ProviderAnswer(provider_id=f"<{len(self.reached)}@billing.example>")

    @property
    def notified(self) -> Callable[[], Posted]:
        letters = Letters(self, FakeEffects(), self, lambda: NOW)
        notice = LetterToOperators(case=a_case(), name="sample", role=Role.LEAD, payload=payloads("USD")["handed_over"])
        return lambda: letters.to_operators(notice)


def test_one_full_mailbox_keeps_no_notice_from_the_others() -> None:
    leads = Leads({"lead-1": "lead-1@ops.example", "lead-2": "lead-2@ops.example"}, full="lead-1@ops.example")
    notify = leads.notified

    for _ in range(2):
        with pytest.raises(BillingFailure, match="the mailbox is full"):
            notify()

    assert leads.reached == ["lead-2@ops.example"]


def test_operators_who_share_a_mailbox_find_one_letter_in_it() -> None:
    shared = {"lead-1": "leads@ops.example", "lead-2": "Leads@ops.example", "lead-3": "lead-3@ops.example"}
    leads = Leads(shared)

    posted = leads.notified()

    assert posted is Posted.SENT
    assert leads.reached == ["leads@ops.example", "lead-3@ops.example"]


def test_an_operator_who_joins_a_mailbox_between_two_tries_holds_no_notice_up() -> None:
    leads = Leads({"lead-2": "leads@ops.example", "lead-3": "lead-3@ops.example"}, full="lead-3@ops.example")
    notify = leads.notified
    with pytest.raises(BillingFailure, match="the mailbox is full"):
        notify()
    leads.addresses["lead-1"], leads.full = "leads@ops.example", ""

    assert notify() is Posted.SENT
    assert leads.reached == ["leads@ops.example", "leads@ops.example", "lead-3@ops.example"]


@pytest.mark.parametrize("dies", ["never", "before", "after"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("template", ["customer_asked", "dispute_acknowledged", "dispute_resolved.credited"])
def test_nobody_gets_a_letter_twice_without_seeing_that_it_is_the_same(template: str, mode: str, dies: str) -> None:
    order = LetterToCustomer(case=a_case(), name="sample", payload=payloads("USD")[template])
    patience = 0.3 if mode == "stalled after the letter" else 5.0
    with running_mail_server() as server:
        real = SmtpPostman("127.0.0.1", server.port, "Billing <billing@house.example>", timeout=patience)
        letters = Letters(MortalPostman(real, dies), FakeEffects(), cast(OperatorDirectory, None), lambda: NOW)
        server.answers |= MODES[mode]

        posted = posted_in_the_end(server, lambda: letters.to_customer(order))

        copies = [str(mail["Message-ID"]) for mail in server.mails]
    assert posted in allowed(template, mode, dies)
    assert len(copies) in COPIES[posted]
    assert len(copies) <= (1 if template == "customer_asked" else 2)
    assert all(first == second for first, second in pairwise(copies))


def allowed(template: str, mode: str, dies: str) -> set[Any]:
    """What may be known in the end. A process that dies before handing over meets a server that is well again."""
    met_by_the_first_copy = dies != "before"
    if template == "customer_asked" and (
        dies == "before" or mode in LOST_ANSWERS or (dies == "after" and mode == "ok")
    ):
        return {Posted.UNKNOWN}
    if mode == "550" and met_by_the_first_copy:
        return {Posted.REFUSED}
    return {Posted.SENT}


# How many copies may lie in the mailbox for what is known.
COPIES = {Posted.SENT: (1, 2), Posted.REFUSED: (0,), Posted.UNKNOWN: (0, 1)}
