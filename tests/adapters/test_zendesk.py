"""Zendesk as a support desk: its triggers become tickets, replies and withdrawals; our notes reach its tickets once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.zendesk import CustomerCommented, DisputeWithdrawn, TicketOpened, ZendeskDesk, read_event
from billing.disputes import Category
from billing.failures import BillingFailure, FailureCode
from tests.fakes.zendesk import FakeZendesk, running_fake_zendesk

WHEN = "2026-11-21T09:00:00Z"
REQUESTER = {"name": "Accounts", "email": "accounts@acme.example"}


def created(**changes: Any) -> dict[str, Any]:
    fields = {
        "tenant_id": "acme",
        "period": "2026-10",
        "meters": "tokens api_calls",
        "category": "usage_calculation",
        "claimed_amount": "120.00",
        "billed_amount": "168.00",
        "currency": "usd",
    }
    ticket = {
        "id": 4711,
        "subject": "Too much on our October bill",
        "description": "We count fewer calls than you do.",
        "created_at": WHEN,
        "tags": "billing vip",
        "requester": REQUESTER,
        "fields": fields | changes.pop("fields", {}),
    }
    return {"event": "created", "ticket": ticket | changes}


def commented(event: str = "commented", **changes: Any) -> dict[str, Any]:
    comment = {"id": 99, "body": "The key is ours.", "created_at": WHEN, "public": True}
    return {"event": event, "ticket": {"id": 4711, "requester": REQUESTER}, "comment": comment | changes}


def body(content: object) -> bytes:
    return json.dumps(content).encode()


def test_a_ticket_becomes_a_dispute() -> None:
    event = read_event(body(created()))

    assert isinstance(event, TicketOpened)
    ticket = event.ticket
    assert (ticket.ticket_id, ticket.tenant_id, ticket.period) == ("ZD-4711", "acme", "2026-10")
    assert ticket.meters == ("api_calls", "tokens")
    assert ticket.category is Category.USAGE_CALCULATION
    assert (ticket.disputed.minor, ticket.currency) == (48_00, "USD")
    assert ticket.requester.email == "accounts@acme.example"
    assert ticket.opened_at == datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["api_calls,tokens", "api_calls tokens", ["tokens", "api_calls"], "tokens; api_calls "]
)
def test_meters_are_read_as_placeholders_write_them(written: object) -> None:
    event = read_event(body(created(fields={"meters": written})))

    assert isinstance(event, TicketOpened)
    assert event.ticket.meters == ("api_calls", "tokens")


@pytest.mark.parametrize("flag", ["security_concern", "legal_threat", "executive_escalation"])
@pytest.mark.parametrize("as_list", [True, False])
def test_a_tag_raises_its_flag_and_no_other(flag: str, as_list: bool) -> None:
    tags = ["billing", flag] if as_list else f"billing {flag}"

    event = read_event(body(created(tags=tags)))

    assert isinstance(event, TicketOpened)
    flags = event.ticket.model_dump(include={"security_concern", "legal_threat", "executive_escalation"})
    assert [name for name, raised in flags.items() if raised] == [flag]


def test_attachments_are_kept_by_name_and_link() -> None:
    files = [
        {"file_name": "logs\r\n.csv", "content_url": "https://acme.example/logs.csv"},
        {"file_name": "../../etc/passwd", "content_url": "file:///etc/passwd"},
    ]

    event = read_event(body(created(attachments=files)))

    assert isinstance(event, TicketOpened)
    assert [(file.name, file.link) for file in event.ticket.evidence] == [
        ("logs .csv", "https://acme.example/logs.csv"),
        ("../../etc/passwd", None),
    ]


def test_names_and_subjects_become_one_line_of_bounded_length() -> None:
    event = read_event(
        body(created(subject="a\r\nBcc: b@c.example" + "x" * 400, requester={"name": "A\nB", "email": "a@b.example"}))
    )

    assert isinstance(event, TicketOpened)
    assert event.ticket.subject.startswith("a Bcc: b@c.examplexx")
    assert len(event.ticket.subject) == 300
    assert event.ticket.requester.name == "A B"


def test_missing_texts_are_empty_ones() -> None:
    event = read_event(body(created(subject=None, description=None, requester={"name": None, "email": "a@b.example"})))

    assert isinstance(event, TicketOpened)
    assert (event.ticket.subject, event.ticket.description, event.ticket.requester.name) == ("", "", "")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": 0}, "id"),
        ({"id": "ZD-1"}, "id"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": "2026-11-21T09:00:00"}, "created_at"),
        ({"requester": {"name": "A", "email": "nobody"}}, "email"),
        ({"requester": None}, "requester"),
        ({"fields": {"period": "October"}}, "period"),
        ({"fields": {"meters": ""}}, "meters"),
        ({"fields": {"category": "other"}}, "category"),
        ({"fields": {"claimed_amount": "-1"}}, "claimed_amount"),
        ({"fields": {"claimed_amount": "a lot"}}, "claimed_amount"),
        ({"fields": {"claimed_amount": 120.5}}, "claimed_amount"),
        ({"fields": {"billed_amount": "NaN"}}, "billed_amount"),
        ({"fields": {"currency": "XXX"}}, "currency"),
        ({"fields": {"tenant_id": "../acme"}}, "tenant_id"),
    ],
)
def test_a_ticket_that_cannot_be_read_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as flaw:
        read_event(body(created(**changes)))

    assert field in {str(part) for error in flaw.value.errors() for part in error["loc"]}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"event": "deleted"}', b'{"event": "created"}'])
def test_what_is_no_event_is_refused(content: bytes) -> None:
    with pytest.raises(ValidationError):
        read_event(content)


def test_a_whole_amount_may_be_a_number() -> None:
    event = read_event(body(created(fields={"claimed_amount": 120})))

    assert isinstance(event, TicketOpened)
    assert event.ticket.claimed_amount == Decimal(120)


def test_a_public_comment_of_the_customer_is_a_reply() -> None:
    event = read_event(body(commented()))

    assert isinstance(event, CustomerCommented)
    assert (event.ticket_id, event.reply.reply_id, event.reply.text) == ("ZD-4711", "zendesk-99", "The key is ours.")


@pytest.mark.parametrize("changes", [{"public": False}, {"by_agent": True}])
def test_internal_notes_and_agents_are_no_replies(changes: dict[str, Any]) -> None:
    event = read_event(body(commented(**changes)))

    assert event is None


def test_a_comment_without_an_id_is_told_apart_by_its_words() -> None:
    first, again, other = (
        read_event(body(commented(id=None, body=text))) for text in ("It is ours.", "It is ours.", "It is not.")
    )

    assert isinstance(first, CustomerCommented)
    assert isinstance(other, CustomerCommented)
    assert first == again
    assert first.reply.reply_id != other.reply.reply_id


@pytest.mark.parametrize("said", ["", " \n"])
def test_a_comment_that_is_only_a_picture_is_an_answer_all_the_same(said: str) -> None:
    event = read_event(body(commented(body=said)))

    assert isinstance(event, CustomerCommented)
    assert event.reply.text == "(a comment without words: its attachments are in Zendesk)"


def test_a_number_that_zendesk_gave_a_comment_is_never_taken_for_a_card() -> None:
    event = read_event(body(commented(id=4222222222222)))

    assert isinstance(event, CustomerCommented)
    assert event.reply.reply_id == "zendesk-4222222222222"


def test_giving_up_keeps_who_and_why() -> None:
    event = read_event(body(commented("withdrawn", body="We found our mistake.")))
    wordless = read_event(body({"event": "withdrawn", "ticket": {"id": 4711, "requester": REQUESTER}}))

    assert isinstance(event, DisputeWithdrawn)
    assert (event.ticket_id, event.withdrawal.by) == ("ZD-4711", "accounts@acme.example")
    assert event.withdrawal.reason == "We found our mistake."
    assert isinstance(wordless, DisputeWithdrawn)


@pytest.fixture
def zendesk() -> Iterator[FakeZendesk]:
    with running_fake_zendesk() as server:
        yield server


@pytest.fixture
def desk(zendesk: FakeZendesk) -> Iterator[ZendeskDesk]:
    with ZendeskDesk(zendesk.url, "bot@house.example", "secret-token", timeout=2) as open_desk:
        yield open_desk


def test_a_note_is_internal_and_written_once(zendesk: FakeZendesk, desk: ZendeskDesk) -> None:
    for _ in range(3):
        desk.note("ZD-4711", "dispute/ZD-4711/note/r1", "Root cause: counted twice")

    (comment,) = zendesk.comments["4711"]
    assert comment == {"body": "Root cause: counted twice\n\n[dispute/ZD-4711/note/r1]", "public": False}
    assert zendesk.logins == {"bot@house.example/token:secret-token"}


def test_two_notes_are_two_even_when_one_key_begins_with_the_other(zendesk: FakeZendesk, desk: ZendeskDesk) -> None:
    desk.note("ZD-4711", "dispute/ZD-4711/note/r10", "second")
    desk.note("ZD-4711", "dispute/ZD-4711/note/r1", "first")

    assert len(zendesk.comments["4711"]) == 2


def test_a_note_on_an_early_page_is_still_found(zendesk: FakeZendesk, desk: ZendeskDesk) -> None:
    desk.note("ZD-4711", "dispute/ZD-4711/note/r1", "Root cause")
    zendesk.comments["4711"] += [{"body": f"chatter {number}", "public": True} for number in range(35)]

    desk.note("ZD-4711", "dispute/ZD-4711/note/r1", "Root cause")

    assert len(zendesk.comments["4711"]) == 36


@pytest.mark.parametrize("status", [0, 500, 502])
@pytest.mark.parametrize("kept", [True, False])
def test_after_a_lost_answer_the_note_is_there_once(
    zendesk: FakeZendesk, desk: ZendeskDesk, status: int, kept: bool
) -> None:
    zendesk.fail_next = [(status, kept)]

    with pytest.raises(BillingFailure) as failure:
        desk.note("ZD-4711", "dispute/ZD-4711/note/r1", "Root cause")
    desk.note("ZD-4711", "dispute/ZD-4711/note/r1", "Root cause")

    assert failure.value.code is FailureCode.UNAVAILABLE
    assert len(zendesk.comments["4711"]) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, FailureCode.UNAVAILABLE),
        (403, FailureCode.UNAVAILABLE),
        (404, FailureCode.NOT_FOUND),
        (422, FailureCode.PROVIDER_REFUSED),
        (429, FailureCode.UNAVAILABLE),
        (302, FailureCode.UNAVAILABLE),
    ],
)
def test_every_refusal_of_zendesk_has_one_meaning(
    zendesk: FakeZendesk, desk: ZendeskDesk, status: int, code: FailureCode
) -> None:
    zendesk.fail_next = [(status, False)]

    with pytest.raises(BillingFailure) as failure:
        desk.note("ZD-4711", "dispute/ZD-4711/note/r1", "Root cause: a secret of the customer")

    assert failure.value.code is code
    assert "secret" not in failure.value.for_us


def test_a_deleted_ticket_is_not_found(desk: ZendeskDesk) -> None:
    with pytest.raises(BillingFailure) as failure:
        desk.note("ZD-1", "dispute/ZD-1/note/r1", "Root cause")

    assert failure.value.code is FailureCode.NOT_FOUND


@pytest.mark.parametrize("ticket_id", ["T-4711", "ZD-", "ZD-4711x", "ZD-../users/1"])
def test_a_ticket_of_another_desk_gets_its_note_there(zendesk: FakeZendesk, ticket_id: str) -> None:
    other = NotesElsewhere()

    with ZendeskDesk(zendesk.url, "bot@house.example", "secret-token", elsewhere=other) as desk:
        desk.note(ticket_id, "key", "Root cause")

    assert other.notes == [(ticket_id, "key", "Root cause")]
    assert zendesk.comments == {"4711": []}


class NotesElsewhere:
    def __init__(self) -> None:
        self.notes: list[tuple[str, str, str]] = []

    def note(self, ticket_id: str, op_key: str, text: str) -> None:
        self.notes.append((ticket_id, op_key, text))
