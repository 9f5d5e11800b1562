"""Documents printed from the books: once each, and again to the byte, whatever has changed since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.document_files import DocumentFiles
from adapters.postgres.press import Press
from billing.failures import BillingFailure, FailureCode
from tests.adapters.postgres.company import ORIGINAL, Company


@pytest.fixture
def files(tmp_path: Path) -> Iterator[DocumentFiles]:
    return DocumentFiles(tmp_path)


@pytest.fixture
def press(company: Company, files: DocumentFiles) -> Press:
    return Press(company.engine, files)


def printed(company: Company) -> list[tuple[str, str]]:
    return [
        (row["number"], row["kind"]) for row in company.rows("select number, kind from invoice_documents order by 1")
    ]


@pytest.mark.parametrize("name", [ORIGINAL, "INV-000042"])
def test_an_invoice_is_printed_when_somebody_first_wants_it(company: Company, press: Press, name: str) -> None:
    number, sha256, content = press.pdf(name)

    assert (number, content[:5]) == ("INV-000042", b"%PDF-")
    assert company.rows("select sha256, bytes from invoice_documents") == [{"sha256": sha256, "bytes": len(content)}]


def test_whoever_asks_again_gets_the_same_file(company: Company, press: Press) -> None:
    first = press.pdf(ORIGINAL)

    again = press.pdf(ORIGINAL)

    assert again == first
    assert printed(company) == [("INV-000042", "invoice")]


def test_a_lost_file_is_printed_again_to_the_byte_although_the_customer_has_moved(
    company: Company, press: Press, tmp_path: Path
) -> None:
    first = press.pdf(ORIGINAL)
    for file in tmp_path.rglob("*.pdf"):
        file.unlink()
    company.run("update tenants set locale = 'ja-JP', name = 'Acme Renamed', collection = 'send_invoice'")

    again = press.pdf(ORIGINAL)

    assert again == first


def test_a_file_that_was_tampered_with_is_not_shown(company: Company, press: Press, tmp_path: Path) -> None:
    first = press.pdf(ORIGINAL)
    (file,) = tmp_path.rglob("*.pdf")
    file.write_bytes(b"%PDF-1.4 pay somebody else")

    again = press.pdf(ORIGINAL)

    assert again == first


def test_what_can_no_longer_be_printed_as_it_was_is_a_conflict_and_not_another_document(
    company: Company, press: Press, tmp_path: Path
) -> None:
    press.pdf(ORIGINAL)
    for file in tmp_path.rglob("*.pdf"):
        file.unlink()
    company.run('update invoice_documents set edition = edition || \'{"locale": "de-DE"}\'')

    with pytest.raises(BillingFailure, match="does not print as it was first printed") as refused:
        press.pdf(ORIGINAL)

    assert refused.value.code is FailureCode.CONFLICT


def test_a_credit_note_and_the_corrected_invoice_name_each_other_and_what_they_correct(
    company: Company, press: Press
) -> None:
    receipt = company.credit("40.00")

    note, revision = press.pdf(receipt.credit_note_number or ""), press.pdf(receipt.corrected_invoice_number or "")

    editions = {row["number"]: row["edition"] for row in company.rows("select number, edition from invoice_documents")}
    assert printed(company) == [(note[0], "credit_note"), ("INV-000042-R2", "corrected_invoice")]
    assert editions["INV-000042-R2"]["corrects"] == "INV-000042"
    assert editions["INV-000042-R2"]["credit_note"] == note[0]
    assert revision[2] != note[2]


@pytest.mark.parametrize("name", ["INV-999999", "", "CN-2026-000001", "' or 1=1 --"])
def test_a_document_that_was_never_issued_is_not_found(press: Press, name: str) -> None:
    with pytest.raises(BillingFailure, match="there is no issued document") as refused:
        press.pdf(name)

    assert refused.value.code is FailureCode.NOT_FOUND
