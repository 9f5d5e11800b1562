"""What operators may see and do over HTTP, and what everybody else may not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from adapters.operator_keys import new_token
from adapters.postgres.books import Books
from adapters.postgres.cases import Cases
from adapters.postgres.engine import open_engine
from adapters.postgres.operators import Operator
from billing.authority import Role
from billing.calendars import BusinessCalendar
from billing.cases import OpenedCase, Opening, PendingApproval
from billing.disputes import Severity, Ticket, case_id
from billing.money import Money
from billing.policy.standard import STANDARD
from settings import Settings
from starters.connect import connect
from starters.permissions import ROLES_FOR, Deed
from tests.console.caller import Caller, calling, created
from tests.starters.desk import NOBODY_LISTENS, CaseDesk, plain_ticket, ticket
from tests.workflows.world import STAFF

REASON = {"reason": "because"}
JUDGEMENT = {"resolution": "partial", "amount": "12.30", "currency": "USD", "reason": "half of it"}

# Every door with what it takes and the deed it stands for.
DOORS: Mapping[tuple[str, str], tuple[Deed, dict[str, Any] | None]] = {
    ("GET", "/approvals"): (Deed.LOOK, None),
    ("GET", "/cases"): (Deed.LOOK, None),
    ("GET", "/cases/dispute/T-none"): (Deed.LOOK, None),
    ("GET", "/billing/invoices"): (Deed.LOOK, None),
    ("GET", "/billing/invoices/inv-none"): (Deed.LOOK, None),
    ("GET", "/billing/invoices/inv-none/explain"): (Deed.LOOK, None),
    ("GET", "/billing/invoices/inv-none/pdf"): (Deed.LOOK, None),
    ("GET", "/disputes/summary"): (Deed.LOOK, None),
    ("GET", "/billing/reconciliations"): (Deed.LOOK, None),
    ("GET", "/billing/reconciliations/2026-10/none"): (Deed.LOOK, None),
    ("POST", "/billing/reconcile"): (Deed.RECONCILE, {"period": "2026-10"}),
    ("POST", "/billing/reconciliations/2026-10/none/void-duplicates"): (Deed.VOID_DUPLICATES, REASON),
    ("POST", "/billing/reconciliations/2026-10/none/leave-duplicates"): (Deed.VOID_DUPLICATES, REASON),
    ("GET", "/billing/corrections"): (Deed.LOOK, None),
    ("GET", "/billing/corrections/INV-none/k-none"): (Deed.LOOK, None),
    ("POST", "/billing/invoices/INV-none/corrections"): (Deed.CORRECT, {"deed": "void", "reason": "because"}),
    ("POST", "/billing/corrections/INV-none/k-none/withdraw"): (Deed.CORRECT, REASON),
    ("POST", "/billing/corrections/INV-none/k-none/try-again"): (Deed.CORRECT, REASON),
    ("GET", "/retention/plans"): (Deed.LOOK, None),
    ("GET", "/retention/plans/2020-01-06"): (Deed.LOOK, None),
    ("GET", "/retention/plans/2020-01-06/certificate"): (Deed.LOOK, None),
    ("POST", "/retention/plans"): (Deed.PLAN_PURGE, None),
    ("POST", "/retention/plans/2020-01-06/confirm"): (
        Deed.CONFIRM_PURGE,
        {"plan_sha256": "0" * 64, "word": "CONFIRM"},
    ),
    ("POST", "/retention/plans/2020-01-06/try-again"): (Deed.REPAIR, REASON),
    ("GET", "/payments/INV-none"): (Deed.LOOK, None),
    ("POST", "/payments/INV-none/attempts"): (Deed.CHARGE, REASON),
    ("POST", "/portal-links"): (Deed.INVITE, {"tenant_id": "acme"}),
    ("POST", "/disputes"): (Deed.CONVERSE, plain_ticket(tenant_id="nobody")),
    ("POST", "/cases/dispute/T-none/reply"): (Deed.CONVERSE, {"text": "It was us."}),
    ("POST", "/cases/dispute/T-none/ask"): (Deed.CONVERSE, {"text": "Which key?"}),
    ("POST", "/cases/dispute/T-none/withdraw"): (Deed.CONVERSE, REASON),
    ("POST", "/cases/dispute/T-none/judge"): (Deed.JUDGE, JUDGEMENT),
    ("POST", "/cases/dispute/T-none/de-escalate"): (Deed.DE_ESCALATE, REASON),
    ("POST", "/cases/dispute/T-none/try-again"): (Deed.REPAIR, REASON),
    ("POST", "/cases/dispute/T-none/reopen"): (Deed.CONVERSE, REASON),
    ("POST", "/approvals/dispute/T-none/credit/r1.1/a1/approve"): (Deed.DECIDE, REASON),
    ("POST", "/approvals/dispute/T-none/credit/r1.1/a1/reject"): (Deed.DECIDE, REASON),
}


def _altered(token: str) -> str:
    """The same operator under a key that differs in its first letter."""
    operator_id, _, seed = token.partition(":")
    return f"{operator_id}:{'B' if seed[0] == 'A' else 'A'}{seed[1:]}"


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
async def test_every_door_is_closed_to_whoever_has_no_valid_token(caller: Caller, door: tuple[str, str]) -> None:
    method, path = door
    good = caller.desk.tokens["lead-1"]
    stranger, _ = new_token("lead-1")
    bad = [None, "", "Bearer", f"Basic {good}", f"Bearer {_altered(good)}", f"Bearer {stranger}", "Bearer nobody:x"]

    answers = [
        await caller.http.request(method, path, json=DOORS[door][1], headers={"Authorization": token} if token else {})
        for token in bad
    ]

    assert [answer.status_code for answer in answers] == [401] * len(bad)
    assert {answer.json()["error"]["code"] for answer in answers} == {"not_signed_in"}
    assert all(answer.headers["WWW-Authenticate"] == "Bearer" for answer in answers)
    assert good.partition(":")[2] not in "".join(answer.text for answer in answers)


@pytest.mark.parametrize("operator_id", STAFF)
async def test_each_role_passes_exactly_the_doors_that_are_its_own(caller: Caller, operator_id: str) -> None:
    role = STAFF[operator_id]

    refused = {
        door: (await caller.asks(operator_id, *door, json=wish)).status_code == 403 for door, (_, wish) in DOORS.items()
    }

    assert refused == {door: role not in ROLES_FOR[deed] for door, (deed, _) in DOORS.items()}


async def test_somebody_who_left_is_known_but_may_do_nothing(caller: Caller) -> None:
    operators = caller.desk.books.operators
    leaver = f"leaver-{uuid4().hex[:8]}"
    token, key = new_token(leaver)
    operators.add(Operator(operator_id=leaver, name="", email="leaver@ops.example", role=Role.VP, public_key=key))
    headers = {"Authorization": f"Bearer {token}"}

    before = await caller.http.get("/approvals", headers=headers)
    operators.deactivate(leaver)
    after = await caller.http.get("/approvals", headers=headers)

    assert (before.status_code, after.status_code) == (200, 403)
    assert "no longer an active operator" in after.json()["error"]["message"]


async def test_a_case_hears_who_signed_in_and_not_who_they_say_they_are(caller: Caller) -> None:
    case = await _opened(caller)

    asked = await caller.asks("agent-1", "POST", f"/cases/{case}/ask", json={"text": "Which key was it?"})
    forged = await caller.asks("agent-1", "POST", f"/cases/{case}/ask", json={"text": "Which?", "by": "vp-1"})
    replied = await caller.asks("agent-1", "POST", f"/cases/{case}/reply", json={"text": "Ours.", "reply_id": "r-1"})
    judged = await caller.asks("lead-1", "POST", f"/cases/{case}/judge", json=JUDGEMENT)
    story = await caller.asks("finance-1", "GET", f"/cases/{case}")

    assert (asked.json()["message"], replied.status_code, judged.status_code) == ("the customer is asked", 202, 200)
    assert forged.status_code == 422
    assert [line["text"] for line in story.json()["timeline"]][1:] == [
        "agent-1 asked: Which key was it?",
        "reply: Ours.",
        "lead-1 judged partial with USD 12.30",
    ]


async def test_a_request_repeated_with_its_key_is_done_once(caller: Caller) -> None:
    case = await _opened(caller)
    question, key = {"text": "Which key was it?"}, {"Idempotency-Key": "k-1"}

    answers = [
        await caller.asks("agent-1", "POST", f"/cases/{case}/ask", json=question, headers=dict(key)) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(await caller.desk.timeline(case.removeprefix("dispute/"))) == 2


async def test_the_words_of_a_case_become_the_words_of_the_answer(caller: Caller) -> None:
    case = await _opened(caller)

    invalid = await caller.asks("lead-1", "POST", f"/cases/{case}/judge", json=JUDGEMENT | {"reason": "later"})
    conflict = await caller.asks("lead-1", "POST", f"/cases/{case}/de-escalate", json=REASON)
    repairs = [await caller.asks("lead-1", "POST", f"/cases/{case}/try-again", json=REASON) for _ in range(2)]
    unknown = await caller.asks("lead-1", "POST", "/cases/dispute/T-none/ask", json={"text": "Anyone?"})

    assert (invalid.status_code, invalid.json()["error"]["message"]) == (422, "amount is more than the invoice")
    assert (conflict.status_code, conflict.json()["error"]["message"]) == (409, "the case is not escalated")
    assert [answer.status_code for answer in repairs] == [200, 409]
    assert repairs[1].json()["error"]["message"] == "nothing was handed over"
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": "-1"}, "amount"),
        ({"amount": "1.001"}, "amount"),
        ({"amount": 12.3}, "amount"),
        ({"currency": "XXX"}, "currency"),
        ({"reason": ""}, "reason"),
        ({"resolution": "whatever"}, "resolution"),
        ({"by": "vp-1"}, "by"),
    ],
)
async def test_a_judgement_with_a_wrong_field_is_told_which(caller: Caller, change: dict[str, Any], field: str) -> None:
    answer = await caller.asks("lead-1", "POST", "/cases/dispute/T-none/judge", json=JUDGEMENT | change)

    assert answer.status_code == 422
    assert [flaw["field"] for flaw in answer.json()["error"]["fields"]] == [field]


@pytest.mark.parametrize(
    ("deed", "wish", "headers", "field", "words"),
    [
        ("reply", {"text": ""}, {}, "text", "write something: it is empty"),
        ("reply", {"text": " \n"}, {}, "text", "write something: it is empty"),
        ("ask", {"text": "    "}, {}, "text", "write 3 characters or more"),
        ("reply", {"text": "Ours.", "reply_id": "4111111111111111"}, {}, "reply_id", "looks like a card number"),
        ("reply", {"text": "Ours.", "reply_id": "a\nb"}, {}, "reply_id", "write one line"),
        ("reply", {"text": "Ours."}, {"Idempotency-Key": "4111-1111-1111-1111"}, "Idempotency-Key", "card number"),
        ("withdraw", REASON, {"Idempotency-Key": "4111111111111111"}, "Idempotency-Key", "card number"),
    ],
)
async def test_words_that_say_nothing_and_ids_that_say_too_much_are_refused(
    caller: Caller, deed: str, wish: dict[str, str], headers: dict[str, str], field: str, words: str
) -> None:
    case = await _opened(caller)

    answer = await caller.asks("agent-1", "POST", f"/cases/{case}/{deed}", json=wish, headers=headers)

    (flaw,) = answer.json()["error"]["fields"]
    assert (answer.status_code, flaw["field"]) == (422, field)
    assert words in flaw["message"]
    assert "4111" not in answer.text
    assert len(await caller.desk.timeline(case.removeprefix("dispute/"))) == 1


async def test_an_operator_opens_a_dispute_and_a_closed_one_again(caller: Caller) -> None:
    ticket_ = plain_ticket()
    case = case_id(ticket_["ticket_id"])
    _registered_as_closed(caller.desk, Ticket.model_validate(ticket_))

    reopened = await caller.asks("agent-1", "POST", f"/cases/{case}/reopen", json={"reason": "new logs"})
    twice = await caller.asks("agent-1", "POST", f"/cases/{case}/reopen", json={"reason": "new logs"})
    same = await caller.asks("agent-1", "POST", "/disputes", json=ticket_)

    assert (reopened.status_code, twice.status_code) == (202, 409)
    assert (same.status_code, same.json()) == (202, {"case_id": case, "created": False})
    assert await caller.desk.timeline(ticket_["ticket_id"]) == ["opened again: new logs: "]


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"claimed_amount": "310.01"}, "claimed_amount", "USD 310.01 is more than the USD 310.00 that was billed"),
        ({"period": "2026-09"}, "period", "acme has no issued invoice for 2026-09"),
        ({"meters": []}, "meters", ""),
    ],
)
async def test_a_ticket_of_an_operator_is_refused_by_the_fields_of_the_ticket(
    caller: Caller, change: dict[str, Any], field: str, sentence: str
) -> None:
    answer = await caller.asks("agent-1", "POST", "/disputes", json=plain_ticket(**change))

    (flaw,) = answer.json()["error"]["fields"]
    assert (answer.status_code, flaw["field"]) == (422, field)
    assert sentence in flaw["message"]


async def test_a_ticket_that_was_turned_away_is_opened_when_it_comes_again(caller: Caller) -> None:
    ticket_ = plain_ticket()
    _registered_as_closed(caller.desk, Ticket.model_validate(ticket_))

    opened = await caller.asks("agent-1", "POST", "/disputes", json=ticket_)

    assert (opened.status_code, opened.json()["created"]) == (202, True)


async def test_a_case_that_temporal_has_forgotten_is_told_by_the_register(caller: Caller) -> None:
    forgotten = ticket()
    _registered_as_closed(caller.desk, forgotten)

    story = await caller.asks("agent-1", "GET", f"/cases/{case_id(forgotten.ticket_id)}")

    assert story.status_code == 200
    assert (story.json()["stage"], story.json()["ending"]) == ("closed", "not accepted")


async def test_lists_show_what_either_of_the_two_knows(caller: Caller) -> None:
    forgotten = ticket()
    _registered_as_closed(caller.desk, forgotten)
    unregistered = await _opened(caller)

    open_ones = await caller.asks("agent-1", "GET", "/cases", params={"limit": 1000})
    everything = await caller.asks("agent-1", "GET", "/cases", params={"open": False, "limit": 1000})

    assert case_id(forgotten.ticket_id) not in [line["case_id"] for line in open_ones.json()]
    assert {case_id(forgotten.ticket_id), unregistered} <= {line["case_id"] for line in everything.json()}


async def test_the_summary_counts_disputes_by_meter_and_customer(caller: Caller) -> None:
    answer = await caller.asks("finance-1", "GET", "/disputes/summary", params={"since": "2026-01-01T00:00:00Z"})

    assert answer.status_code == 200
    assert all(set(row) == {"meter", "tenant_id", "disputes", "credited"} for row in answer.json())


async def test_an_invoice_is_sent_once_and_then_only_when_it_changed(caller: Caller) -> None:
    first = await caller.asks("finance-1", "GET", "/billing/invoices/inv-acme")
    tag = first.headers["ETag"]

    tags = [tag, f"W/{tag}", f'"other", {tag}', "*", '"other"']
    again = [
        await caller.asks("finance-1", "GET", "/billing/invoices/inv-acme", headers={"If-None-Match": one})
        for one in tags
    ]

    assert first.json()["total_minor"] == 310_00
    assert not tag.startswith("W/")
    assert [answer.status_code for answer in again] == [304, 304, 304, 304, 200]
    assert (await caller.asks("finance-1", "GET", "/billing/invoices/none")).status_code == 404


async def test_an_invoice_is_read_as_pdf_once_and_then_never_again(caller: Caller) -> None:
    first = await caller.asks("finance-1", "GET", "/billing/invoices/inv-acme/pdf")
    tag = first.headers["ETag"]

    by_number = await caller.asks("agent-1", "GET", "/billing/invoices/INV-2026-10-acme/pdf")
    again = await caller.asks("finance-1", "GET", "/billing/invoices/inv-acme/pdf", headers={"If-None-Match": tag})
    head = await caller.asks("finance-1", "HEAD", "/billing/invoices/inv-acme/pdf")
    unknown = await caller.asks("finance-1", "GET", "/billing/invoices/INV-none/pdf")

    assert (first.status_code, first.headers["Content-Type"]) == (200, "application/pdf")
    assert tag == f'"{hashlib.sha256(first.content).hexdigest()}"'
    assert first.headers["Content-Disposition"] == 'inline; filename="INV-2026-10-acme.pdf"'
    assert by_number.content == first.content
    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.headers["ETag"], head.content) == (200, tag, b"")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")


async def test_an_invoice_is_found_by_the_number_printed_on_it_too(caller: Caller) -> None:
    by_id = await caller.asks("finance-1", "GET", "/billing/invoices/inv-acme")
    by_number = await caller.asks("finance-1", "GET", "/billing/invoices/INV-2026-10-acme")
    unknown = await caller.asks("finance-1", "GET", "/billing/invoices/2026/10/4711")

    assert by_number.json() == by_id.json()
    assert by_number.headers["ETag"] == by_id.headers["ETag"]
    assert unknown.status_code == 404
    assert "there is no invoice or credit note 2026/10/4711; the nearest are" in unknown.json()["error"]["message"]


async def test_a_decision_is_signed_by_who_signed_in_and_its_refusal_is_told(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await _opened(caller)
    question = _question_of(case)
    monkeypatch.setattr(caller.desk.books.approvals, "find", {question.approval_id: question}.get)
    door = f"/approvals/{question.approval_id}"

    approved = await caller.asks("vp-1", "POST", f"{door}/approve", json={})
    refused = await caller.asks("lead-1", "POST", f"{door}/approve", json={"reason": "not mine"})
    unexplained = await caller.asks("lead-1", "POST", f"{door}/reject", json={})

    assert (approved.status_code, approved.json()["operator_id"]) == (200, "vp-1")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_counted")
    assert unexplained.status_code == 422
    assert await caller.count('runbooks_approvals_decided_total{accepted="true",verdict="approve"}') == 1
    assert await caller.count('runbooks_approvals_decided_total{accepted="false",verdict="approve"}') == 1


async def test_without_the_database_operators_are_asked_to_come_back(desk: CaseDesk) -> None:
    away = Books.over(open_engine(f"postgresql://nobody@{NOBODY_LISTENS}/nothing"))

    async with calling(replace(desk, books=away)) as caller:
        answer = await caller.asks("lead-1", "GET", "/approvals")
        health = await caller.http.get("/healthz")

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert (health.status_code, health.json()) == (503, {"healthy": False, "database": False, "temporal": True})


async def test_without_temporal_the_register_still_answers(desk: CaseDesk) -> None:
    forgotten = ticket()
    _registered_as_closed(desk, forgotten)
    unreachable = await connect(Settings(temporal_address=NOBODY_LISTENS))

    async with calling(replace(desk, client=unreachable)) as caller:
        story = await caller.asks("agent-1", "GET", f"/cases/{case_id(forgotten.ticket_id)}")
        listed = await caller.asks("agent-1", "GET", "/cases", params={"open": False, "limit": 1000})
        asked = await caller.asks("agent-1", "POST", "/cases/dispute/T-1/ask", json={"text": "Hello?"})
        health = await caller.http.get("/healthz")

    assert (story.status_code, listed.status_code) == (200, 200)
    assert asked.status_code == 503
    assert (health.status_code, health.json()["temporal"]) == (503, False)


async def test_health_and_counters_need_no_token(caller: Caller) -> None:
    health = await caller.http.get("/healthz")
    await caller.http.get("/nowhere/at/all")

    assert (health.status_code, health.json()) == (200, {"healthy": True, "database": True, "temporal": True})
    assert await caller.count('runbooks_http_requests_total{method="GET",route="/healthz",status="200"}') == 1
    assert await caller.count('runbooks_http_requests_total{method="GET",route="unmatched",status="404"}') == 1


async def test_what_is_not_there_is_answered_like_everything_else(caller: Caller) -> None:
    nowhere = await caller.http.get("/nowhere")
    wrong_way = await caller.http.delete("/healthz")

    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not_found")
    assert (wrong_way.status_code, wrong_way.json()["error"]["code"]) == (405, "method_not_allowed")


async def _opened(caller: Caller) -> str:
    """A case over HTTP; its id."""
    return str((await caller.send_ticket(created(plain_ticket()))).json()["case_id"])


def _registered_as_closed(desk: CaseDesk, closed: Ticket) -> None:
    """A ticket that was turned away long ago, so that only the register knows it."""
    opened = OpenedCase(
        case_id=case_id(closed.ticket_id),
        round=1,
        ticket=closed,
        tenant=desk.books.tenants.find(closed.tenant_id),
        invoice_id=None,
        invoice_number=None,
        severity=Severity.LOW,
        escalation_reasons=(),
        policy=STANDARD,
        calendar=BusinessCalendar.without_holidays("UTC"),
        problems=("it was not accepted",),
    )
    Cases(desk.books.engine).register(opened, Opening(ticket=closed))


def _question_of(case: str) -> PendingApproval:
    now = datetime.now(UTC)
    return PendingApproval(
        approval_id=f"{case}/credit/r1.1/a1",
        case_id=case,
        tenant_id="acme",
        role=Role.VP,
        amount=Money(minor=600_00, currency="USD"),
        question="May acme get USD 600.00?",
        request_sha256="0" * 64,
        requested_by="runbook",
        asked_at=now,
        expires_at=now,
    )
