"""One document with everything that it leads to; whoever misspells its number is told the nearest ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from adapters.document_files import DocumentFiles
from adapters.postgres.invoice_view import InvoiceView, ShownCreditNote, ShownInvoice
from adapters.postgres.press import Press
from billing.documents import DocumentKind
from billing.failures import BillingFailure, FailureCode
from billing.money import Money
from tests.adapters.postgres.billing_runs.world import House
from tests.adapters.postgres.company import ORIGINAL, Company, invoice


@pytest.fixture
def view(company: Company) -> InvoiceView:
    return InvoiceView(company.engine)


def shown(view: InvoiceView, name: str) -> ShownInvoice:
    found = view.show(name)
    assert isinstance(found, ShownInvoice)
    return found


@pytest.mark.parametrize("name", [ORIGINAL, "INV-000042"])
def test_an_invoice_is_found_by_its_id_and_by_its_number(company: Company, view: InvoiceView, name: str) -> None:
    found = shown(view, name)

    assert found.model_dump(include=set(invoice().model_dump())) == invoice().model_dump()
    assert (found.kind, found.due, found.pdf_sha256) == (DocumentKind.INVOICE, Money.of("1000", "USD"), None)
    assert found.links.model_dump() == {
        "corrects": None,
        "corrected_by": None,
        "credit_note": None,
        "credit_notes": (),
        "credits_applied": (),
    }


def test_an_id_is_taken_before_a_number_that_is_spelled_the_same(company: Company, view: InvoiceView) -> None:
    company.invoices.issue(invoice(invoice_id="I-2", number="2026/10/N-2", revision=2, corrects=ORIGINAL))
    company.invoices.issue(invoice(invoice_id="I-3", number="I-2", revision=3, corrects="I-2"))

    found = [shown(view, name).invoice_id for name in ("I-2", "2026/10/N-2", "I-3")]

    assert found == ["I-2", "I-2", "I-3"]


def test_a_corrected_invoice_its_note_and_its_revision_lead_to_one_another(company: Company, view: InvoiceView) -> None:
    number = company.credit("40.00").credit_note_number or ""

    original, revision, note = shown(view, "INV-000042"), shown(view, "INV-000042-R2"), view.show(number)

    assert isinstance(note, ShownCreditNote)
    assert (original.links.corrected_by, original.links.credit_note) == ("INV-000042-R2", None)
    assert [(one.number, one.amount_minor, one.restated_by) for one in original.links.credit_notes] == [
        (number, 40_00, "INV-000042-R2")
    ]
    assert (revision.kind, revision.links.corrects, revision.links.credit_note, revision.links.credit_notes) == (
        DocumentKind.CORRECTED_INVOICE,
        "INV-000042",
        number,
        (),
    )
    assert revision.remark is not None
    assert (note.amount, note.corrects, note.restated_by) == (Money.of("40", "USD"), "INV-000042", "INV-000042-R2")
    assert note.reason == "Usage dispute resolution - events were counted twice"


def test_a_printed_document_names_the_hash_of_its_print(company: Company, view: InvoiceView, tmp_path: Path) -> None:
    press = Press(company.engine, DocumentFiles(tmp_path))
    note = company.credit("40.00").credit_note_number or ""
    hashes = [press.pdf(name)[1] for name in (ORIGINAL, note)]

    found = [view.show(name).pdf_sha256 for name in (ORIGINAL, note)]

    assert found == hashes


def test_credits_that_lowered_what_is_due_are_named(engine: Engine) -> None:
    house = House(engine)
    house.tenant("acme")
    house.used("acme", 1_000)
    house.credit("acme", 20_00, "T-7")
    house.billed()

    found = shown(InvoiceView(engine), "inv-2026-10-acme")

    assert [(one.credit_id, one.amount_minor, one.reference_id) for one in found.links.credits_applied] == [
        ("CR-T-7", 20_00, "T-7")
    ]
    assert found.due.minor == found.total_minor - 20_00


def test_a_draft_is_not_shown(engine: Engine) -> None:
    house = House(engine)
    house.tenant("acme")
    house.used("acme", 1_000)
    house.rate(house.open())

    with pytest.raises(BillingFailure, match=r"there is no invoice or credit note inv-2026-10-acme$") as refused:
        InvoiceView(engine).show("inv-2026-10-acme")

    assert refused.value.code is FailureCode.NOT_FOUND


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("INV-000043", "INV-000042"),
        ("inv-000042", "INV-000042"),
        ("INV-42", "INV-000042"),
        ("INV-00042", "INV-000042"),
        ("INV-000042-R3", "INV-000042-R2"),
        ("CN-2026-1", "CN-2026-000001"),
        ("2026/10/4711", "CN-2026-000001"),
    ],
)
def test_whoever_misspells_a_number_is_told_the_nearest(
    company: Company, view: InvoiceView, typed: str, nearest: str
) -> None:
    company.credit("40.00")

    with pytest.raises(BillingFailure) as refused:
        view.show(typed)

    words = f"there is no invoice or credit note {typed}; the nearest are {nearest}"
    assert str(refused.value).startswith(words)


def test_a_credit_note_has_nothing_to_explain_and_names_the_invoice_that_has(
    company: Company, view: InvoiceView
) -> None:
    note = company.credit("40.00").credit_note_number or ""

    with pytest.raises(BillingFailure, match=r"is a credit note, .*: ask for INV-000042") as refused:
        view.explain(note)

    assert refused.value.code is FailureCode.INVALID
