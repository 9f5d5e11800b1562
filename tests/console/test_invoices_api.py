"""Issued documents over HTTP: pages that follow one another, links between documents, explanations down to the event."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.console.caller import Caller
from tests.console.corrected import corrected
from tests.workflows.world import World

NUMBER = "INV-2026-10-acme"


async def found(caller: Caller, **wanted: Any) -> dict[str, Any]:
    answer = await caller.asks("finance-1", "GET", "/billing/invoices", params=wanted)
    assert answer.status_code == 200
    page: dict[str, Any] = answer.json()
    return page


async def test_documents_are_listed_page_by_page_and_narrowed(caller: Caller, company: World) -> None:
    tenant_id, invoice, note, revision = corrected(company)

    whole = await found(caller, tenant_id=tenant_id, period="2026-10")
    first = await found(caller, tenant_id=tenant_id, limit=2)
    second = await found(caller, tenant_id=tenant_id, limit=2, after=first["after"])
    notes = await found(caller, tenant_id=tenant_id, kind="credit_note")
    paid = await found(caller, tenant_id=tenant_id, status="paid", currency="USD")

    assert [one["number"] for one in whole["documents"]] == [revision, invoice, note]
    assert whole["after"] is None
    assert (first["after"], [*first["documents"], *second["documents"]]) == (invoice, whole["documents"])
    assert [(one["number"], one["total_minor"], one["corrects"]) for one in notes["documents"]] == [
        (note, -12_00, invoice)
    ]
    assert [one["number"] for one in paid["documents"]] == [revision, invoice]


async def test_a_document_leads_to_what_corrects_it(caller: Caller, company: World) -> None:
    _, invoice, note, revision = corrected(company)

    shown = (await caller.asks("agent-1", "GET", f"/billing/invoices/{invoice}")).json()
    restated = (await caller.asks("agent-1", "GET", f"/billing/invoices/{revision}")).json()
    credited = (await caller.asks("agent-1", "GET", f"/billing/invoices/{note}")).json()

    assert (shown["kind"], shown["links"]["corrected_by"], shown["due"]["minor"]) == ("invoice", revision, 310_00)
    assert [one["number"] for one in shown["links"]["credit_notes"]] == [note]
    assert (restated["kind"], restated["links"]["corrects"], restated["total_minor"]) == (
        "corrected_invoice",
        invoice,
        298_00,
    )
    assert (credited["kind"], credited["corrects"], credited["restated_by"]) == ("credit_note", invoice, revision)


async def test_the_etag_changes_with_what_a_document_leads_to(caller: Caller, company: World) -> None:
    tenant_id = f"watched-{uuid4().hex[:8]}"
    company.tenant(tenant_id)
    path = f"/billing/invoices/inv-{tenant_id}"
    before = await caller.asks("agent-1", "GET", path)

    await caller.asks("agent-1", "GET", f"{path}/pdf")
    after = await caller.asks("agent-1", "GET", path, headers={"If-None-Match": before.headers["ETag"]})

    assert before.json()["pdf_sha256"] is None
    assert (after.status_code, len(after.json()["pdf_sha256"])) == (200, 64)


async def test_an_invoice_is_explained_down_to_its_events(caller: Caller) -> None:
    plain = (await caller.asks("agent-1", "GET", f"/billing/invoices/{NUMBER}/explain")).json()
    answer = await caller.asks("agent-1", "GET", f"/billing/invoices/{NUMBER}/explain", params={"rows": 3})

    told = answer.json()
    assert (told["number"], plain["events"], plain["lines"]) == (NUMBER, [], told["lines"])
    assert len(told["lines"][0]["usage"]) == 31
    assert [(one["line"], len(one["events"]), one["more"]) for one in told["events"]] == [(1, 3, True)]
    assert told["events"][0]["events"][0]["event_time"] == "2026-10-01T16:00:00Z"


async def test_a_credit_note_is_not_explained_but_leads_to_what_can_be(caller: Caller, company: World) -> None:
    documents = corrected(company)

    answer = await caller.asks("agent-1", "GET", f"/billing/invoices/{documents.note}/explain")

    assert answer.status_code == 422
    assert f"ask for {documents.invoice}" in answer.json()["error"]["message"]
