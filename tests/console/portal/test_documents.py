"""The customer's own documents as PDF, and nobody else's."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest

from console.portal.fence import HEADERS
from tests.console.corrected import corrected
from tests.console.portal.customer import Customer, visiting
from tests.starters.desk import CaseDesk
from tests.workflows.world import World

OWN, RIVALS = "INV-2026-10-meridian", "INV-2026-10-rival"


async def test_the_invoice_that_is_shown_leads_to_its_pdf(customer: Customer) -> None:
    page = await customer.looks("?month=2026-10")
    (address,) = [link for link in page.links if "/documents/" in link]

    answer = await customer.http.get(address)

    number, sha256, content = customer.desk.books.press.pdf(OWN)
    assert (answer.status_code, answer.content) == (200, content)
    assert (number, sha256) == (OWN, hashlib.sha256(answer.content).hexdigest())
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{OWN}.pdf"'
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    [RIVALS, "inv-rival", "INV-2026-10-nobody", "inv-meridian/../inv-rival", "%00", "' or 1=1 --", "CN-2026-000001"],
)
async def test_what_belongs_to_somebody_else_is_the_page_of_what_never_was(customer: Customer, name: str) -> None:
    answer = await customer.http.get(customer.at(f"/documents/{quote(name, safe='%')}"))
    never = await customer.http.get(customer.at("/documents/never-was"))

    assert (answer.status_code, never.status_code) == (404, 404)
    assert answer.text == never.text
    assert "rival" not in answer.text


async def test_a_month_with_corrections_leads_to_each_of_its_documents(desk: CaseDesk, company: World) -> None:
    tenant_id, invoice, note, revision = corrected(company)

    async with visiting(desk, tenant_id) as customer:
        page = await customer.looks("?month=2026-10")
        addresses = dict.fromkeys(link for link in page.links if "/documents/" in link)
        answers = [await customer.http.get(address) for address in addresses]

    assert [link.rpartition("/")[2] for link in addresses] == [revision, invoice, note]
    assert [answer.content[:5] for answer in answers] == [b"%PDF-"] * 3
    assert f"{invoice} (invoice), {note} (credit note), {revision} (corrected invoice)" in page.words
