"""A printed document: the same bytes for the same document, every page numbered, and nothing that cannot be set."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from adapters.pdf import print_pdf
from adapters.pdf.wording import Wording
from billing.documents import PriceStep, PrintedDocument
from tests.adapters.pdf.samples import credit_note, invoice, long_invoice, yen_invoice

IN_ANOTHER_PROCESS = """
import hashlib
from adapters.pdf import print_pdf
from tests.adapters.pdf.samples import invoice
print(hashlib.sha256(print_pdf(invoice())).hexdigest())
"""


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_same_document_is_the_same_file_whenever_and_wherever_it_is_printed(seed: str) -> None:
    here = hashlib.sha256(print_pdf(invoice())).hexdigest()

    elsewhere = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        env=os.environ | {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert elsewhere.stdout.strip() == here


def test_what_was_printed_before_leaves_no_trace_in_a_file() -> None:
    first = print_pdf(invoice())

    for other in (credit_note(), yen_invoice(), invoice("ja-JP"), invoice("fr-FR")):
        print_pdf(other)
    again = print_pdf(invoice())

    assert again == first


def test_documents_printed_at_the_same_moment_are_those_that_were_printed_alone() -> None:
    documents = [invoice(), credit_note(), yen_invoice(), long_invoice(30)] * 4
    alone = [print_pdf(document) for document in documents]

    with ThreadPoolExecutor(4) as presses:
        together = list(presses.map(print_pdf, documents))

    assert together == alone


def test_another_amount_is_another_file() -> None:
    document = invoice()
    changed = document.lines[0].model_copy(update={"amount_minor": document.lines[0].amount_minor + 1})

    other = print_pdf(document.model_copy(update={"lines": (changed, *document.lines[1:])}))

    assert other != print_pdf(document)


@pytest.mark.parametrize(("lines", "expected"), [(1, 1), (120, 7)])
def test_an_invoice_of_many_lines_goes_on_over_the_page(lines: int, expected: int) -> None:
    pdf = print_pdf(long_invoice(lines))

    assert pages(pdf) == expected


def test_a_line_longer_than_a_page_goes_on_over_the_next() -> None:
    steps = tuple(PriceStep(quantity=Decimal(number), unit_amount=Decimal(2)) for number in range(1, 201))
    tiered = invoice().lines[1].model_copy(update={"steps": steps})

    pdf = print_pdf(invoice().model_copy(update={"lines": (tiered,)}))

    assert pages(pdf) == 5


def test_sums_that_do_not_fit_are_all_on_the_next_page() -> None:
    whole = [
        pages(print_pdf(long_invoice(lines).model_copy(update={"sums": invoice().sums}))) for lines in range(8, 16)
    ]

    assert sorted(set(whole)) == [1, 2]
    assert whole == sorted(whole)


@pytest.mark.parametrize("document", [invoice(), yen_invoice(), credit_note()], ids=lambda document: document.kind)
def test_a_document_of_each_kind_fits_on_one_page_and_embeds_its_fonts(document: PrintedDocument) -> None:
    pdf = print_pdf(document)

    assert pages(pdf) == 1
    assert pdf.count(b"/FontFile2") == 2


def test_figures_and_days_are_written_the_customers_way() -> None:
    said = {locale: Wording(invoice(locale)) for locale in ("de-DE", "en-US", "en-GB", "xx-unknown")}

    amounts = {locale: wording.amount(493_432).replace("\xa0", " ") for locale, wording in said.items()}
    prices = {locale: wording.unit_price(invoice().lines[2]).replace("\xa0", " ") for locale, wording in said.items()}
    periods = {locale: dict(wording.facts())["Service period"] for locale, wording in said.items()}

    assert amounts == {
        "de-DE": "4.934,32 €", "en-US": "€4,934.32", "en-GB": "€4,934.32", "xx-unknown": "€4,934.32",
    }  # fmt: skip
    assert prices["de-DE"] == "0,0000081 €"
    assert prices["en-US"] == "€0.0000081"
    assert periods["en-US"].startswith("Oct 1") and periods["de-DE"].startswith("1")


def test_yen_have_no_decimals_and_a_sign_that_the_face_has() -> None:
    wording = Wording(yen_invoice())

    assert wording.amount(1_234_567) == "¥1,234,567"


def test_words_of_a_customer_are_set_as_words_and_never_as_markup() -> None:
    hostile = invoice().model_copy(
        update={"notes": ("<font size=90>free</font> & <b", "&lt;b&gt;", "雲空 ł ₹ Ω ж"), "number": "<b>-1"}
    )

    pdf = print_pdf(hostile)

    assert pages(pdf) == 1
