"""Issued documents in pages, narrowed by whatever is asked for; drafts are never among them."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.postgres.invoice_view import InvoiceView, Wanted
from billing.documents import DocumentKind
from billing.invoices import InvoiceStatus
from billing.money import Money
from tests.adapters.postgres.billing_runs.world import House
from tests.adapters.postgres.company import Company


def numbers(view: InvoiceView, *, after: str | None = None, limit: int = 100, **wanted: Any) -> list[str]:
    return [one.number for one in view.page(Wanted(**wanted), after=after, limit=limit).documents]


@pytest.fixture
def view(company: Company) -> InvoiceView:
    return InvoiceView(company.engine)


def test_a_credit_note_and_the_revision_behind_it_stand_beside_the_invoice(company: Company, view: InvoiceView) -> None:
    receipt = company.credit("40.00")

    page = view.page()

    told = {one.number: (one.kind, one.status, one.total, one.due, one.corrects) for one in page.documents}
    taken, left = Money.of("-40", "USD"), Money.of("960", "USD")
    assert told == {
        "INV-000042": (DocumentKind.INVOICE, "open", Money.of("1000", "USD"), Money.of("1000", "USD"), None),
        "INV-000042-R2": (DocumentKind.CORRECTED_INVOICE, "open", left, left, "INV-000042"),
        receipt.credit_note_number: (DocumentKind.CREDIT_NOTE, None, taken, None, "INV-000042"),
    }
    assert page.after is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, {"INV-000042", "INV-000042-R2", "CN"}),
        ({"kind": DocumentKind.INVOICE}, {"INV-000042"}),
        ({"kind": DocumentKind.CORRECTED_INVOICE}, {"INV-000042-R2"}),
        ({"kind": DocumentKind.CREDIT_NOTE}, {"CN"}),
        ({"status": InvoiceStatus.OPEN}, {"INV-000042", "INV-000042-R2"}),
        ({"status": InvoiceStatus.PAID}, set()),
        ({"status": InvoiceStatus.OPEN, "kind": DocumentKind.CREDIT_NOTE}, set()),
        ({"tenant_id": "acme"}, {"INV-000042", "INV-000042-R2", "CN"}),
        ({"tenant_id": "nobody"}, set()),
        ({"period": "2026-10"}, {"INV-000042", "INV-000042-R2", "CN"}),
        ({"period": "2026-09"}, set()),
        ({"tenant_id": "acme", "period": "2026-09"}, set()),
        ({"currency": "USD"}, {"INV-000042", "INV-000042-R2", "CN"}),
        ({"currency": "EUR"}, set()),
    ],
)
def test_what_is_asked_for_narrows_the_list(
    company: Company, view: InvoiceView, wanted: dict[str, Any], found: set[str]
) -> None:
    company.credit("40.00")

    listed = numbers(view, **wanted)

    assert {"CN" if number.startswith("CN-") else number for number in listed} == found
    assert listed == sorted(listed, reverse=True)


@pytest.mark.parametrize("wanted", [{}, {"tenant_id": "acme"}, {"period": "2026-10"}])
def test_pages_follow_one_another_without_a_gap(company: Company, view: InvoiceView, wanted: dict[str, Any]) -> None:
    company.credit("40.00")
    whole = numbers(view, **wanted)

    first = view.page(Wanted(**wanted), limit=1)
    rest = [first.documents[0].number]
    while first.after:
        first = view.page(Wanted(**wanted), after=first.after, limit=1)
        rest += [one.number for one in first.documents]

    assert rest == whole


def test_a_tenants_documents_are_found_over_all_months(engine: Any) -> None:
    house = House(engine)
    for tenant_id in ("acme", "brick"):
        house.tenant(tenant_id)
        for month in ("2026-07", "2026-08", "2026-09"):
            house.issued(tenant_id, 100, period=month)

    listed = numbers(InvoiceView(engine), tenant_id="brick")

    assert listed == [f"OLD-old-2026-0{month}-brick" for month in (9, 8, 7)]


def test_drafts_are_not_listed(engine: Any) -> None:
    house = House(engine)
    house.tenant("acme")
    house.used("acme", 1_000)
    house.rate(house.open())

    page = InvoiceView(engine).page()

    assert page.documents == ()
