from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from billing.disputes import Attachment, Severity, Ticket, case_id
from billing.money import Money
from tests.billing.world import ticket, usd


@pytest.mark.parametrize(
    ("claimed", "billed", "disputed"),
    [
        ("100.00", "120.00", "20.00"),
        ("120.00", "120.00", "0.00"),
        ("130.00", "120.00", "0.00"),
        ("0", "120.00", "120.00"),
    ],
)
def test_what_is_contested_is_the_difference_and_never_negative(claimed: str, billed: str, disputed: str) -> None:
    assert ticket(claimed_amount=claimed, billed_amount=billed).disputed == usd(disputed)


def test_amounts_are_read_in_the_tickets_currency() -> None:
    contested = ticket(claimed_amount="500", billed_amount=1500, currency="jpy")

    assert contested.disputed == Money(minor=1000, currency="JPY")


@pytest.mark.parametrize(
    ("differences", "complaint"),
    [
        ({"claimed_amount": "-0.01"}, "must be zero or more"),
        ({"claimed_amount": "ten"}, "is not a number: send an amount such as"),
        ({"claimed_amount": "NaN"}, "must be zero or more"),
        ({"claimed_amount": "Infinity"}, "must be zero or more"),
        ({"claimed_amount": 12.5}, "is a binary float: send amounts as text"),
        ({"claimed_amount": "1e999999"}, "larger than any amount we bill"),
        ({"claimed_amount": None}, "is not a number"),
        ({"claimed_amount": ["1"]}, "is not a number"),
        ({"claimed_amount": "0.001"}, "more than the 2 decimal places that USD knows"),
        ({"billed_amount": "0.5", "claimed_amount": "0", "currency": "JPY"}, "more than the 0 decimal places"),
        ({"currency": "XXX"}, "is not one we bill in"),
        ({"period": "2026-13"}, "is not a month"),
        ({"meters": ()}, "at least 1 item"),
        ({"meters": ("API calls",)}, "write the meter's name"),
        ({"meters": tuple(f"m{number}" for number in range(21))}, "at most 20 items"),
        ({"tenant_id": "acme; drop"}, "write the customer's id"),
        ({"ticket_id": "../T-1"}, "write letters, digits"),
        ({"ticket_id": "T-1\n"}, "write letters, digits"),
        ({"subject": "Bill\r\nBcc: all@acme.example"}, "write one line"),
        ({"requester": {"email": "a@acme.example>\n"}}, "write one address"),
        ({"requester": {"email": "a@acme.example", "name": "A\r\nBcc: b"}}, "write one line"),
        ({"opened_at": "2026-11-03T09:00:00"}, "timezone"),
        ({"opened_at": "1999-12-31T23:59:59Z"}, "write a moment between 2000 and 2100"),
        ({"opened_at": "0001-01-01T00:00:00+14:00"}, "write a moment between 2000 and 2100"),
        ({"opened_at": "2100-01-01T00:00:00Z"}, "write a moment between 2000 and 2100"),
        ({"opened_at": "9999-12-31T23:59:59-14:00"}, "write a moment between 2000 and 2100"),
        ({"description": "x" * 20_001}, "at most 20000 characters"),
        ({"discount": "10"}, "Extra inputs are not permitted"),
        ({"category": "mood"}, "'usage_calculation', 'unauthorized_usage'"),
    ],
)
def test_a_malformed_ticket_is_refused_with_what_is_wrong(differences: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ticket(**differences)


def test_the_same_meters_in_any_order_are_the_same_dispute() -> None:
    assert ticket(meters=("b", "a", "b")).meters == ticket(meters=("a", "b")).meters


@pytest.mark.parametrize(
    "attachment",
    [
        {"name": "bill.pdf\r\nX: y"},
        {"name": "bill.pdf", "sha256": "ABC"},
        {"name": "bill.pdf", "link": "javascript:alert(1)"},
        {"name": "bill.pdf", "link": "file:///etc/passwd"},
        {"name": "bill.pdf", "content": "…"},
    ],
)
def test_evidence_is_a_name_a_hash_and_a_web_link_and_nothing_else(attachment: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Attachment.model_validate(attachment)


def test_a_ticket_survives_the_way_through_a_workflow() -> None:
    contested = ticket(claimed_amount="100.10", evidence=[{"name": "=cmd|'/c calc'!A0.csv"}])

    assert Ticket.model_validate_json(contested.model_dump_json()) == contested
    assert contested.claimed.major == Decimal("100.10")


def test_a_repeated_ticket_is_the_same_case() -> None:
    assert case_id(ticket().ticket_id) == case_id(ticket(subject="again").ticket_id) == "dispute/T-4711"


@pytest.mark.parametrize(
    ("severity", "graver"),
    [
        (Severity.LOW, Severity.NORMAL),
        (Severity.NORMAL, Severity.HIGH),
        (Severity.HIGH, Severity.HIGH),
        (Severity.CRITICAL, Severity.CRITICAL),
    ],
)
def test_one_step_up_never_reaches_critical(severity: Severity, graver: Severity) -> None:
    assert severity.one_step_up is graver
