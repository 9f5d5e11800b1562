from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from billing.corrections import CreditRequest, Destination, credit_op_key, destination_for, sha256_of
from billing.disputes import Category, Resolution
from billing.findings import CorrectedLine
from billing.money import Money
from billing.policy.standard import STANDARD
from tests.billing.world import METER, usd


def request(**differences: Any) -> CreditRequest:
    ordinary = {
        "op_key": credit_op_key("dispute/T-4711", 1, 1),
        "case_id": "dispute/T-4711",
        "ticket_id": "T-4711",
        "step": "r1.1",
        "tenant_id": "acme",
        "period": "2026-10",
        "invoice_id": "inv-1",
        "amount": usd("24.00"),
        "destination": Destination.CREDIT_NOTE,
        "category": Category.USAGE_CALCULATION,
        "resolution": Resolution.CUSTOMER_CORRECT,
        "reason": "240 events were counted more than once.",
        "requested_by": "runbook",
        "lines": (
            CorrectedLine(
                line_number=1,
                meter=METER,
                billed_quantity=Decimal(1000),
                correct_quantity=Decimal(760),
                billed_minor=10_000,
                correct_minor=7_600,
            ),
        ),
    }
    return CreditRequest.model_validate(ordinary | differences)


@pytest.mark.parametrize(
    ("amount", "currency", "destination"),
    [
        ("9.99", "USD", Destination.NEXT_INVOICE),
        ("10.00", "USD", Destination.NEXT_INVOICE),
        ("10.01", "USD", Destination.CREDIT_NOTE),
        ("9.00", "EUR", Destination.NEXT_INVOICE),
        ("9.01", "EUR", Destination.CREDIT_NOTE),
        ("1500", "JPY", Destination.NEXT_INVOICE),
        ("1501", "JPY", Destination.CREDIT_NOTE),
        ("0.01", "CHF", Destination.CREDIT_NOTE),
    ],
)
def test_an_invoice_is_corrected_only_strictly_above_ten_dollars(
    amount: str, currency: str, destination: Destination
) -> None:
    money = Money.of(amount, currency)

    assert destination_for(money, goodwill=False, policy=STANDARD.credits) is destination
    assert destination_for(money, goodwill=True, policy=STANDARD.credits) is Destination.NEXT_INVOICE


@pytest.mark.parametrize("amount", ["0.00", "-5.00"])
def test_a_credit_gives_something_back(amount: str) -> None:
    with pytest.raises(ValidationError, match="a credit must be above zero"):
        request(amount=usd(amount))


def test_the_hash_an_approver_signs_survives_storage() -> None:
    asked = request()

    assert CreditRequest.model_validate_json(asked.model_dump_json()).sha256() == asked.sha256()


@pytest.mark.parametrize(
    "difference",
    [
        {"amount": usd("24.01")},
        {"amount": Money(minor=2400, currency="EUR")},
        {"destination": Destination.NEXT_INVOICE},
        {"tenant_id": "acme-2"},
        {"invoice_id": "inv-2"},
        {"reason": "240 events were counted more than once"},
        {"requested_by": "agent-1@ops.example"},
        {"goodwill": True},
        {"lines": ()},
    ],
)
def test_whatever_changes_in_a_request_changes_its_hash(difference: dict[str, Any]) -> None:
    assert request(**difference).sha256() != request().sha256()


def test_equal_content_has_an_equal_hash_whatever_its_order() -> None:
    assert sha256_of({"a": Decimal("1.50"), "b": "ü"}) == sha256_of({"b": "ü", "a": Decimal("1.50")})


def test_proposals_of_one_case_have_keys_of_their_own() -> None:
    keys = {credit_op_key("dispute/T-4711", opening, proposal) for opening in (1, 2) for proposal in (1, 2)}

    assert keys == {f"dispute/T-4711/credit/r{opening}.{proposal}" for opening in (1, 2) for proposal in (1, 2)}
