"""Who hears of a correction: the customer with the documents, finance of a write-off, and each of them once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activities.correction_letters import CorrectionLetters, CorrectionToTell
from activities.letters import Letters, Posted
from adapters.document_files import DocumentFiles
from adapters.postgres.press import Press
from billing.authority import Role
from billing.correction_emails import InvoiceCorrected, InvoiceVoided, InvoiceWrittenOff
from billing.emails import Letter
from billing.invoice_corrections import Deed
from billing.policy.credits import Payback
from tests.adapters.postgres.company import Company
from tests.adapters.postgres.correcting import Correcting, usd
from tests.fakes.postman import FakePostman


class Office:
    """A company that corrects invoices and writes about it."""

    def __init__(self, company: Company, files: Path) -> None:
        self.correcting, self.postman = Correcting(company), FakePostman()
        self.press = Press(company.engine, DocumentFiles(files))
        letters = Letters(self.postman, company.effects, company.operators, company.clock)
        self.telling = CorrectionLetters(letters, company.tenants, self.press)

    def told(self, deed: Deed = Deed.CREDIT, **ordered: Any) -> list[Letter]:
        """The letters about a correction that was carried out, told of twice."""
        opened = self.correcting.opened(deed, **ordered)
        proposal = self.correcting.proposed(opened)
        self.correcting.approved(proposal)
        done = CorrectionToTell(opened=opened, receipt=self.correcting.verbs.carry_out(proposal.op_key))
        assert [self.telling.tell(done) for _ in range(2)] == [Posted.SENT, Posted.SENT]
        return [delivered.letter for delivered in self.postman.mailbox]


@pytest.fixture
def office(company: Company, tmp_path: Path) -> Office:
    return Office(company, tmp_path)


def test_the_customer_gets_the_credit_note_and_the_corrected_invoice(office: Office) -> None:
    office.correcting.fake.amount_remaining["in_42"] = 30_00

    (letter,) = office.told(amount=usd("40.00"), payback=Payback.REFUND)

    assert letter.to.email == "billing@acme.example"
    assert letter.payload == InvoiceCorrected(
        number="INV-000042",
        credit=usd("40.00"),
        lowered_due=usd("30.00"),
        refunded=usd("10.00"),
        to_balance=None,
        credit_note_number="CN-2026-000001",
        corrected_invoice_number="INV-000042-R2",
        reason="calls of our own monitoring were counted",
    )
    printed = [office.press.pdf(attached.number)[:2] for attached in letter.attachments]
    assert printed == [(attached.number, attached.sha256) for attached in letter.attachments]
    assert [attached.number for attached in letter.attachments] == ["CN-2026-000001", "INV-000042-R2"]


def test_a_small_credit_is_told_without_a_document(office: Office) -> None:
    (letter,) = office.told(amount=usd("9.00"))

    assert isinstance(letter.payload, InvoiceCorrected)
    assert (letter.payload.to_balance, letter.payload.credit_note_number) == (usd("9.00"), None)
    assert letter.attachments == ()


def test_the_customer_is_told_not_to_pay_a_void_invoice(office: Office) -> None:
    (letter,) = office.told(Deed.VOID)

    assert letter.to.email == "billing@acme.example"
    assert letter.payload == InvoiceVoided(
        number="INV-000042",
        due=usd("1000.00"),
        handed_back=None,
        reason="calls of our own monitoring were counted",
    )


def test_of_a_write_off_only_finance_hears(office: Office) -> None:
    (letter,) = office.told(Deed.WRITE_OFF)

    assert letter.to.email == office.correcting.company.operator(Role.FINANCE)
    assert isinstance(letter.payload, InvoiceWrittenOff)
    assert letter.payload.amount == usd("1000.00")
