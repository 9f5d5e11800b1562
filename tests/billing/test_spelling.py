"""What people and machines send is held to its spelling and, where it is not, told in words what to write."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from billing.cases import Answer, OperatorId, Reason, ReplyId, SignedDecision
from billing.disputes import Attachment, Email, Line, Requester, Text, Ticket, TicketId
from billing.spelling import Spelled
from billing.tenants import MeterName, TenantId

MISSPELLED: list[tuple[Any, list[object], str]] = [
    (
        TicketId,
        ["", "../T-1", "T 1", "T-1\n", "-T", "ü", "T" * 65],
        "write letters, digits, '.', '_' or '-', at most 64",
    ),
    (TenantId, ["", "Acme", "acme; drop", "acme\n", "a" * 64], "write the customer's id as it stands on the invoice"),
    (MeterName, ["", "API calls", "1st", "api-calls", "m\n"], "write the meter's name as it stands on the invoice"),
    (OperatorId, ["", "Lead", "@lead", "lead 1", "lead\n"], "write the operator's id, such as lead-7@ops.example"),
    (Text, ["a\x00b"], "leave out the character U+0000"),
    (Reason, ["three\x00"], "leave out the character U+0000"),
    (Answer, ["", " \n", "\u00a0"], "write something: it is empty"),
    (Answer, ["a\x00b"], "leave out the character U+0000"),
    (ReplyId, ["", "a\nb", "r" * 129], "write one line of 1 to 128 characters"),
    (TicketId, ["4111111111111111", "T-4111-1111-1111-1111"], "it holds what looks like a card number"),
    (ReplyId, ["4111111111111111", "mail 4111 1111 1111 1111"], "it holds what looks like a card number"),
    (Line, ["Bill\r\nBcc: all@acme.example", "a\x00b", "a\x7f", "\n"], "write one line without control characters"),
    (Email, ["", "nobody", "a@b@c", "a@acme.example\n", "a <a@acme.example>"], "write one address, such as"),
]


@pytest.mark.parametrize(
    ("kind", "texts", "words"), MISSPELLED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_misspelled_text_is_told_what_to_write(kind: Any, texts: list[object], words: str) -> None:
    told = []
    for text in texts:
        with pytest.raises(ValidationError) as refused:
            TypeAdapter(kind).validate_python(text)
        told.append(refused.value.errors()[0]["msg"])

    assert [message for message in told if words not in message] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (TicketId, "T-1042"),
        (TicketId, "T" * 64),
        (TenantId, "acme-2"),
        (MeterName, "api_calls"),
        (OperatorId, "lead-7@ops.example"),
        (Line, ""),
        (Line, "Übertrag: 100 % – “Oktober”"),
        (Email, "accounts+oct@acme.example"),
    ],
)
def test_a_text_that_is_spelled_right_is_kept_as_it_is(kind: Any, text: str) -> None:
    assert TypeAdapter(kind).validate_python(text) == text


@pytest.mark.parametrize(
    ("attachment", "words"),
    [
        ({"name": "a", "sha256": "ABC"}, "write the SHA-256 as 64 digits and small letters from a to f"),
        (
            {"name": "a", "link": "javascript:alert(1)"},
            "write a link that starts with https:// or http://, without spaces",
        ),
        (
            {"name": "a", "link": "https://a.example/a b"},
            "write a link that starts with https:// or http://, without spaces",
        ),
    ],
)
def test_an_attachment_is_told_what_to_write(attachment: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Attachment.model_validate(attachment)


@pytest.mark.parametrize("model", [Ticket, Requester, Attachment, SignedDecision])
def test_the_spelling_is_part_of_the_description(model: Any) -> None:
    described = str(model.model_json_schema())

    assert "'pattern': '^" in described


def test_the_whole_text_counts() -> None:
    digits: TypeAdapter[str] = TypeAdapter(Annotated[str, Spelled("[0-9]+", "write digits")])

    with pytest.raises(ValidationError, match="write digits"):
        digits.validate_python("12\n")
