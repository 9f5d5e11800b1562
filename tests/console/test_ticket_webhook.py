"""What happens to a ticket that a support desk sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.client import WorkflowHandle

from adapters.postgres.books import Books
from adapters.postgres.engine import open_engine
from console.app import create_app
from console.bodies import LARGEST_BODY_BYTES
from console.signatures import SIGNATURE_HEADER
from settings import Settings, SettingsError
from starters.connect import connect
from tests.console.caller import Caller, calling, created
from tests.starters.desk import NOBODY_LISTENS, SECRET, CaseDesk, plain_ticket
from tests.workflows.world import World

CARD = "4111 1111 1111 1111"


async def test_a_signed_ticket_becomes_a_case_and_the_same_ticket_again_is_that_case(caller: Caller) -> None:
    ticket = plain_ticket()

    first = await caller.send_ticket(created(ticket))
    second = await caller.send_ticket(created(ticket), late_seconds=30)

    case = f"dispute/{ticket['ticket_id']}"
    assert (first.status_code, first.json()) == (202, {"case_id": case, "created": True})
    assert (second.status_code, second.json()) == (202, {"case_id": case, "created": False})
    assert len(await caller.desk.timeline(ticket["ticket_id"])) == 1


async def test_one_ticket_sent_many_times_at_once_is_one_case(caller: Caller) -> None:
    ticket = plain_ticket()

    answers = await asyncio.gather(*(caller.send_ticket(created(ticket)) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {202}
    assert sorted(answer.json()["created"] for answer in answers) == [False] * 9 + [True]


async def test_a_ticket_signed_with_the_older_secret_is_taken_while_secrets_rotate(caller: Caller) -> None:
    answer = await caller.send_ticket(created(plain_ticket()), secret=f"older-{SECRET}")

    assert answer.status_code == 202


@pytest.mark.parametrize(
    "signing",
    [
        {"secret": "guessed"},
        {"late_seconds": 301},
        {"late_seconds": -302},
        {"headers": {SIGNATURE_HEADER: ""}},
        {"headers": {SIGNATURE_HEADER: "v0=00"}},
    ],
)
async def test_what_is_not_signed_now_and_by_us_starts_nothing(caller: Caller, signing: dict[str, Any]) -> None:
    ticket = plain_ticket()

    answer = await caller.send_ticket(created(ticket), **signing)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_signed"
    assert await caller.count('runbooks_tickets_total{outcome="not_signed",source="tickets"}') == 1
    assert (await caller.send_ticket(created(ticket))).json()["created"]


async def test_a_reply_counts_once_and_a_withdrawal_ends_the_case(caller: Caller) -> None:
    ticket = plain_ticket()
    reply = {"reply_id": "r-1", "text": "It was a batch job.", "received_at": "2026-11-21T09:00:00Z"}
    replied = {"event": "replied", "ticket_id": ticket["ticket_id"], "reply": reply}
    withdrawal = {"by": "accounts@acme.example", "reason": "found it"}
    withdrawn = {"event": "withdrawn", "ticket_id": ticket["ticket_id"], "withdrawal": withdrawal}

    answers = [await caller.send_ticket(event) for event in (created(ticket), replied, replied, withdrawn, withdrawn)]

    assert [answer.status_code for answer in answers] == [202] * 5
    assert await caller.desk.timeline(ticket["ticket_id"]) == [
        "opened: ",
        "reply: It was a batch job.",
        "withdrawn by accounts@acme.example: found it",
    ]


async def test_a_reply_to_a_ticket_that_never_came_is_not_found(caller: Caller) -> None:
    reply = {"reply_id": "r-1", "text": "Hello?", "received_at": "2026-11-21T09:00:00Z"}

    answer = await caller.send_ticket({"event": "replied", "ticket_id": "T-never", "reply": reply})

    assert answer.status_code == 404


@pytest.mark.parametrize("announce", [True, False])
async def test_a_megabyte_is_refused_whether_it_is_announced_or_not(caller: Caller, announce: bool) -> None:
    ticket = json.dumps(created(plain_ticket(description="x" * 1_000_000))).encode()

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(ticket), 65_536):
            yield ticket[start : start + 65_536]

    answer = await caller.http.post("/webhooks/tickets", content=ticket if announce else in_pieces())

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert await caller.count('runbooks_tickets_total{outcome="too_large",source="tickets"}') == 1


async def test_a_body_larger_than_it_announced_is_refused(caller: Caller) -> None:
    body = b"x" * (LARGEST_BODY_BYTES + 1)

    answer = await caller.http.post("/webhooks/tickets", content=body, headers={"Content-Length": "10"})

    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"ticket=1", b'{"event": "created"', b"\xff\xfe", b"[" * 5_000])
async def test_what_is_no_json_is_said_so(caller: Caller, body: bytes) -> None:
    answer = await caller.send_ticket(body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "malformed_json"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"claimed_amount": "-1.00"}, "ticket.claimed_amount"),
        ({"claimed_amount": "NaN"}, "ticket.claimed_amount"),
        ({"claimed_amount": "Infinity"}, "ticket.claimed_amount"),
        ({"claimed_amount": "twelve"}, "ticket.claimed_amount"),
        ({"claimed_amount": 262.1}, "ticket.claimed_amount"),
        ({"claimed_amount": "310.01"}, "ticket.claimed_amount"),
        ({"billed_amount": None}, "ticket.billed_amount"),
        ({"claimed_amount": "1.001"}, "ticket"),
        ({"currency": "XXX"}, "ticket.currency"),
        ({"currency": "EUR"}, "ticket.currency"),
        ({"tenant_id": "nobody"}, "ticket.tenant_id"),
        ({"tenant_id": "no body'; --"}, "ticket.tenant_id"),
        ({"meters": ["never_heard_of"]}, "ticket.meters"),
        ({"meters": []}, "ticket.meters"),
        ({"period": "2026-13"}, "ticket.period"),
        ({"period": "2026-09"}, "ticket.period"),
        ({"period": "2030-01"}, "ticket.period"),
        ({"category": "rudeness"}, "ticket.category"),
        ({"surprise": 1}, "ticket.surprise"),
        ({"ticket_id": "../../etc"}, "ticket.ticket_id"),
        ({"opened_at": "2026-11-21T09:00:00"}, "ticket.opened_at"),
        ({"subject": "Bill\r\nBcc: all@acme.example"}, "ticket.subject"),
        ({"requester": {"name": "A\nBcc: b@x.example", "email": "a@x.example"}}, "ticket.requester.name"),
        ({"requester": {"name": "A", "email": "a@x.example\r\nBcc: b@x.example"}}, "ticket.requester.email"),
        ({"evidence": [{"name": "bill.pdf\r\nX-Evil: 1"}]}, "ticket.evidence.0.name"),
        ({"evidence": [{"name": "bill.pdf", "link": "file:///etc/passwd"}]}, "ticket.evidence.0.link"),
        ({"evidence": [{"name": "bill.pdf", "sha256": "00"}]}, "ticket.evidence.0.sha256"),
    ],
)
async def test_a_ticket_that_cannot_be_a_case_is_answered_field_by_field(
    caller: Caller, change: dict[str, Any], field: str
) -> None:
    answer = await caller.send_ticket(created(plain_ticket(**change)))

    error = answer.json()["error"]
    assert answer.status_code == 422
    assert error["code"] == "invalid"
    assert field in [flaw["field"] for flaw in error["fields"]]
    assert all(flaw["message"] for flaw in error["fields"])


async def test_not_a_number_as_a_bare_word_is_refused_too(caller: Caller) -> None:
    body = json.dumps(created(plain_ticket())).replace('"262.00"', "NaN").encode()

    answer = await caller.send_ticket(body)

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "ticket.claimed_amount"


@pytest.mark.parametrize("event", [{}, {"event": "exploded"}, [], "ticket", None, 3])
async def test_an_event_of_no_known_kind_is_refused(caller: Caller, event: Any) -> None:
    answer = await caller.send_ticket(json.dumps(event).encode())

    assert answer.status_code == 422


async def test_a_hostile_file_name_is_kept_as_words_and_leads_nowhere(caller: Caller) -> None:
    names = ["../../../etc/passwd", "=cmd|' /C calc'!A0", "<script>alert(1)</script>.pdf", "C:\\x\\..\\y.exe"]
    ticket = plain_ticket(evidence=[{"name": name} for name in names])

    answer = await caller.send_ticket(created(ticket))

    history = await _history(caller.desk.client.get_workflow_handle(answer.json()["case_id"]))
    opening = json.loads(history.splitlines()[0])
    assert [one["name"] for one in opening["ticket"]["evidence"]] == names


async def test_a_card_number_never_reaches_a_case_an_answer_or_a_log(caller: Caller) -> None:
    ticket = plain_ticket(
        subject=f"card {CARD}",
        description=f"you charged {CARD} twice",
        evidence=[{"name": f"{CARD}.png", "link": f"https://files.acme.example/{CARD.replace(' ', '-')}.png"}],
        requester={"name": f"Accounts {CARD}", "email": "accounts@acme.example"},
    )
    reply = {"reply_id": "r-1", "text": f"it is {CARD}", "received_at": "2026-11-21T09:00:00Z"}
    replied = {"event": "replied", "ticket_id": ticket["ticket_id"], "reply": reply}

    with capture_logs() as logs:
        await caller.send_ticket(created(ticket))
        await caller.send_ticket(replied)
        refused = await caller.send_ticket(created(plain_ticket(claimed_amount=f"{CARD} dollars")))

    handle = caller.desk.client.get_workflow_handle(f"dispute/{ticket['ticket_id']}")
    everything = f"{await _history(handle)}{logs}{refused.text}"
    assert refused.status_code == 422
    assert "card number removed" in str(await caller.desk.timeline(ticket["ticket_id"]))
    assert CARD not in everything
    assert CARD.replace(" ", "") not in everything
    assert CARD.replace(" ", "-") not in everything


@pytest.mark.parametrize("card", [CARD.replace(" ", ""), CARD.replace(" ", "-")])
async def test_an_id_that_holds_a_card_number_is_refused_since_it_cannot_be_altered(caller: Caller, card: str) -> None:
    ticket = plain_ticket()
    await caller.send_ticket(created(ticket))
    reply = {"reply_id": "r-1", "text": "It is ours.", "received_at": "2026-11-21T09:00:00Z"}
    events: dict[str, dict[str, Any]] = {
        "ticket.ticket_id": created(plain_ticket(ticket_id=card)),
        "ticket_id": {"event": "replied", "ticket_id": card, "reply": reply},
        "reply.reply_id": {"event": "replied", "ticket_id": ticket["ticket_id"], "reply": reply | {"reply_id": card}},
    }

    with capture_logs() as logs:
        answers = {field: await caller.send_ticket(event) for field, event in events.items()}

    told = {field: answer.json()["error"]["fields"] for field, answer in answers.items()}
    assert {answer.status_code for answer in answers.values()} == {422}
    assert {field: [flaw["field"] for flaw in flaws] for field, flaws in told.items()} == {
        name: [name] for name in told
    }
    assert all("looks like a card number: use another id" in flaws[0]["message"] for flaws in told.values())
    assert card not in f"{told}{logs}"
    assert len(await caller.desk.timeline(ticket["ticket_id"])) == 1


async def test_a_reply_of_no_time_of_ours_is_refused(caller: Caller) -> None:
    reply = {"reply_id": "r-1", "text": "Ours.", "received_at": "0001-01-01T00:00:00+14:00"}

    answer = await caller.send_ticket({"event": "replied", "ticket_id": "T-1", "reply": reply})

    assert answer.status_code == 422
    assert [flaw["field"] for flaw in answer.json()["error"]["fields"]] == ["reply.received_at"]


@pytest.mark.parametrize("text", ["", " ", "\r\n\t", "\u00a0"])
async def test_a_reply_without_words_is_refused_and_does_not_start_the_clocks(caller: Caller, text: str) -> None:
    ticket = plain_ticket()
    await caller.send_ticket(created(ticket))
    reply = {"reply_id": "r-1", "text": text, "received_at": "2026-11-21T09:00:00Z"}

    answer = await caller.send_ticket({"event": "replied", "ticket_id": ticket["ticket_id"], "reply": reply})

    (flaw,) = answer.json()["error"]["fields"]
    assert (answer.status_code, flaw["field"]) == (422, "reply.text")
    assert flaw["message"] == "write something: it is empty"
    assert len(await caller.desk.timeline(ticket["ticket_id"])) == 1


async def test_a_text_full_of_card_numbers_still_fits_its_case(caller: Caller) -> None:
    ticket = plain_ticket(description=f"{CARD.replace(' ', '')} " * 1_100)

    answer = await caller.send_ticket(created(ticket))

    assert answer.status_code == 202
    assert len(await caller.desk.timeline(ticket["ticket_id"])) == 1


async def test_without_temporal_a_ticket_is_sent_back_to_be_sent_again(desk: CaseDesk) -> None:
    unreachable = await connect(Settings(temporal_address=NOBODY_LISTENS))

    async with calling(replace(desk, client=unreachable)) as caller:
        answer = await caller.send_ticket(created(plain_ticket()))

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["error"]["code"] == "unavailable"


async def test_without_the_database_a_ticket_is_still_accepted(desk: CaseDesk) -> None:
    engine = open_engine(f"postgresql://nobody@{NOBODY_LISTENS}/nothing")
    ticket = plain_ticket(tenant_id="unheard-of")

    async with calling(replace(desk, books=Books.over(engine))) as caller:
        first = await caller.send_ticket(created(ticket))
        again = await caller.send_ticket(created(ticket))

    assert (first.status_code, first.json()["created"]) == (202, True)
    assert (again.status_code, again.json()["created"]) == (202, False)
    assert len(await desk.timeline(ticket["ticket_id"])) == 1


async def test_a_database_that_only_hangs_holds_a_ticket_up_for_a_second(desk: CaseDesk, company: World) -> None:
    with company.engine.connect() as busy:
        busy.exec_driver_sql("lock table disputes in access exclusive mode")
        async with calling(desk) as caller, asyncio.timeout(5):
            answer = await caller.send_ticket(created(plain_ticket()))
        busy.rollback()
    while company.engine.pool.checkedout():  # noqa: ASYNC110 - the question nobody waited for is still being asked
        await asyncio.sleep(0.01)

    assert answer.status_code == 202


async def test_a_known_ticket_is_recognised_before_anything_is_checked(caller: Caller) -> None:
    ticket = plain_ticket()
    await caller.send_ticket(created(ticket))

    answer = await caller.send_ticket(created(ticket | {"period": "2026-01"}))

    assert (answer.status_code, answer.json()["created"]) == (202, False)


def test_the_console_does_not_start_without_a_secret_for_tickets(desk: CaseDesk) -> None:
    settings = desk.settings.model_copy(update={"ticket_webhook_secret": None})

    with pytest.raises(SettingsError, match="RUNBOOKS_TICKET_WEBHOOK_SECRET is not set"):
        create_app(settings, desk.client, desk.books)


async def _history(case: WorkflowHandle[Any, Any]) -> str:
    """Everything a case was given, a payload a line."""
    payloads = []
    for event in (await case.fetch_history()).events:
        payloads += event.workflow_execution_started_event_attributes.input.payloads
        payloads += event.workflow_execution_signaled_event_attributes.input.payloads
    return "\n".join(payload.data.decode() for payload in payloads)
