"""Letters about unpaid invoices: the notice has the runbook's subject and fields, and every letter reaches the tenant once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import pytest

from activities.letters import Letters, Posted
from activities.ports import OperatorDirectory, TenantDirectory
from activities.recovery_letters import LetterToTenant, RecoveryLetters
from adapters.mail.render import House, RenderedLetter, render
from billing.emails import Payload
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from billing.recovery_letters import Owed, OwedInvoice, payment_failed, reminder
from billing.tenants import Tenant, Tier
from tests.emails.recovery_samples import recovery_payloads
from tests.emails.samples import READERS, letter
from tests.fakes.effects import FakeEffects
from tests.fakes.postman import HOUSE, FakePostman

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TENANT = Tenant(
    tenant_id="muster",
    name="Muster GmbH",
    tier=Tier.PRO,
    currency="EUR",
    zone="Europe/Berlin",
    country="DE",
    locale="de-DE",
    billing_email="rechnung@muster.example",
)


def owing(*nets: Money, since: datetime = NOW) -> Owed:
    invoices = tuple(
        OwedInvoice(number=f"MSC-2026-00000{count}", net=net, since=since) for count, net in enumerate(nets, start=1)
    )
    return Owed(tenant_id="muster", invoices=invoices)


def euros(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def read(payload: Payload, house: House = HOUSE) -> RenderedLetter:
    return render(letter(payload, READERS["de-DE"]), house)


@dataclass
class Desk:
    """Who writes to the tenant, over a mailbox and an effects table in memory."""

    tenant: Tenant | None = TENANT
    postman: FakePostman = field(default_factory=FakePostman)
    effects: FakeEffects = field(default_factory=FakeEffects)

    def find(self, tenant_id: str) -> Tenant | None:
        return self.tenant

    def write(self, payload: Payload, name: str = "sample") -> Posted:
        letters = Letters(self.postman, self.effects, cast(OperatorDirectory, None), lambda: NOW)
        order = LetterToTenant(case_id="delinquency/muster/1", tenant_id="muster", name=name, payload=payload)
        return RecoveryLetters(letters, cast(TenantDirectory, self)).write(order)

    @property
    def reached(self) -> list[str]:
        return [mail.letter.to.email for mail in self.postman.mailbox]


def test_the_payment_failure_notice_has_the_subject_and_the_fields_of_the_runbook() -> None:
    notice = read(payment_failed(owing(euros(123_450)), 7, None))

    words = " ".join(notice.text.split())
    assert notice.subject == "Payment Issue - Account #muster"
    assert "for invoice MSC-2026-000001" in words
    assert "continues without interruption for the next 7 days" in words
    assert f"update your payment method at: {HOUSE.billing_portal_url}" in words
    assert f"write to {HOUSE.contact}" in words


def test_without_a_page_to_pay_at_the_letter_asks_for_a_reply() -> None:
    notice = read(payment_failed(owing(euros(100)), 7, None), House("Billing"))

    for words in (" ".join(notice.text.split()), notice.html):
        assert "we send you the link to your payment method" in words
    assert "href" not in notice.html


@pytest.mark.parametrize("name", [name for name in recovery_payloads("USD") if name.endswith(".several")])
def test_several_invoices_stand_in_one_letter_with_their_sum(name: str) -> None:
    rendered = read(recovery_payloads("EUR")[name])

    for words in (rendered.text, rendered.html):
        assert all(number in words for number in ("MSC-2026-000417", "MSC-2026-000431", "MSC-2026-000502-R2"))
        assert "1.456,60\N{NO-BREAK SPACE}€" in words


def test_amounts_of_two_currencies_are_never_added_up() -> None:
    owed = owing(euros(100), Money(minor=250, currency="USD"), euros(50))

    assert owed.totals == (euros(150), Money(minor=250, currency="USD"))
    assert "Altogether: 1,50\N{NO-BREAK SPACE}€ and 2,50\N{NO-BREAK SPACE}$" in read(reminder(owed, 1, 3)).text


def test_the_day_since_when_is_the_readers() -> None:
    late_in_the_evening = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)

    rendered = read(reminder(owing(euros(100), since=late_in_the_evening), 1, 3))

    assert "due since 26 November 2026" in rendered.text


def test_a_letter_goes_to_the_billing_address_once_in_the_tenants_own_locale() -> None:
    desk = Desk()
    notice = payment_failed(owing(euros(123_450)), 7, None)

    assert [desk.write(notice), desk.write(notice)] == [Posted.SENT, Posted.SENT]

    assert desk.reached == ["rechnung@muster.example"]
    assert "1.234,50\N{NO-BREAK SPACE}€" in desk.postman.mailbox[0].rendered.text


def test_a_tenant_that_moves_between_two_tries_is_reached_at_the_new_address() -> None:
    desk = Desk()
    notice = payment_failed(owing(euros(100)), 7, None)
    desk.postman.fail_next(FailureCode.PROVIDER_BUSY)
    with pytest.raises(BillingFailure):
        desk.write(notice)
    desk.tenant = TENANT.model_copy(update={"billing_email": "neu@muster.example"})

    posted = desk.write(notice)

    assert posted is Posted.SENT
    assert desk.reached == ["neu@muster.example"]


def test_a_reminder_that_perhaps_arrived_is_left_to_the_next_one() -> None:
    desk = Desk()
    once = reminder(owing(euros(100)), 1, 3)
    desk.postman.fail_next(FailureCode.OUTCOME_UNKNOWN, arrives=True)

    assert [desk.write(once), desk.write(once)] == [Posted.UNKNOWN, Posted.UNKNOWN]
    assert desk.postman.sent == ["payment_reminder"]


def test_a_tenant_nobody_knows_is_named() -> None:
    with pytest.raises(BillingFailure, match="tenant muster is not in the books"):
        Desk(tenant=None).write(payment_failed(owing(euros(100)), 7, None))
