"""What is asked of Stripe for a credit: signs, parts, currencies, words, and the marks by which it is found again."""

from __future__ import annotations

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.wires import balance_credit, credit_note, provider_invoice_of
from billing.corrections import Destination
from billing.disputes import Category
from billing.failures import BillingFailure, FailureCode
from tests.adapters.stripe.samples import a_request, a_tenant, an_invoice


def at_stripe(remaining: int, status: str = "open", currency: str = "usd") -> stripe.Invoice:
    return stripe.Invoice.construct_from(
        {"id": "in_1", "object": "invoice", "status": status, "currency": currency, "amount_remaining": remaining},
        "key",
    )


@pytest.mark.parametrize(
    ("currency", "minor", "asked"),
    [("USD", 8_40, -840), ("EUR", 1, -1), ("JPY", 1_234, -1_234), ("KWD", 5_120, -5_120)],
)
def test_a_balance_credit_is_negative_and_counts_in_minor_units(currency: str, minor: int, asked: int) -> None:
    wire = balance_credit(a_request(minor, currency=currency), a_tenant(currency=currency))

    assert wire.call == "customer_balance_transaction"
    assert (wire.params["amount"], wire.params["currency"]) == (asked, currency.lower())


@pytest.mark.parametrize(
    ("remaining", "credit", "to_balance"),
    [
        (100_00, 25_00, None),
        (25_00, 25_00, None),
        (24_99, 25_00, 1),
        (10_00, 25_00, 15_00),
        (1, 25_00, 24_99),
        (0, 25_00, 25_00),
    ],
)
def test_what_is_paid_already_goes_to_the_balance(remaining: int, credit: int, to_balance: int | None) -> None:
    wire = credit_note(a_request(credit, Destination.CREDIT_NOTE), at_stripe(remaining))

    assert wire.params["amount"] == credit
    assert wire.params.get("credit_amount") == to_balance


@given(remaining=st.integers(0, 10**9), credit=st.integers(1, 10**9))
def test_the_two_parts_of_a_note_are_never_negative_and_sum_to_the_credit(remaining: int, credit: int) -> None:
    wire = credit_note(a_request(credit, Destination.CREDIT_NOTE), at_stripe(remaining))

    to_balance = wire.params.get("credit_amount", 0)
    reduces = credit - to_balance
    assert 0 <= to_balance <= credit
    assert reduces == min(credit, remaining)


def test_stripe_itself_writes_to_nobody() -> None:
    wire = credit_note(a_request(destination=Destination.CREDIT_NOTE), at_stripe(100_00))

    assert wire.params["email_type"] == "none"


@pytest.mark.parametrize(
    ("category", "reason"),
    [
        (Category.USAGE_CALCULATION, "duplicate"),
        (Category.UNAUTHORIZED_USAGE, "fraudulent"),
        (Category.SERVICE_QUALITY, "product_unsatisfactory"),
        (Category.PRICING, "order_change"),
    ],
)
def test_every_category_has_a_reason_stripe_knows(category: Category, reason: str) -> None:
    wire = credit_note(a_request(destination=Destination.CREDIT_NOTE, category=category), at_stripe(100_00))

    assert wire.params["reason"] == reason


def test_both_carry_what_finds_them_again() -> None:
    note = credit_note(a_request(destination=Destination.CREDIT_NOTE), at_stripe(100_00))
    entry = balance_credit(a_request(), a_tenant())

    marks = {"op_key": "dispute/T-4711/credit/r1.1", "ticket_id": "T-4711", "period": "2026-10"}
    assert note.params["metadata"] == marks
    assert entry.params["metadata"] == marks


def test_a_long_reason_is_cut_to_what_stripe_takes() -> None:
    wordy = a_request(reason="because " * 200)

    wire = balance_credit(wordy, a_tenant())

    assert len(wire.params["description"]) <= 350
    assert wire.params["description"].endswith("because…")


@pytest.mark.parametrize("status", ["draft", "void", "deleted"])
def test_an_invoice_that_is_not_issued_gets_no_credit_note(status: str) -> None:
    with pytest.raises(BillingFailure, match=f"in_1 is {status}.*credit the next invoice instead") as failure:
        credit_note(a_request(destination=Destination.CREDIT_NOTE), at_stripe(100_00, status))

    assert failure.value.code is FailureCode.INVALID


def test_a_credit_in_another_currency_is_refused() -> None:
    with pytest.raises(BillingFailure, match="in_1 is in EUR, the credit in USD") as failure:
        credit_note(a_request(destination=Destination.CREDIT_NOTE), at_stripe(100_00, currency="eur"))

    assert failure.value.code is FailureCode.INVALID


def test_a_tenant_or_invoice_unknown_to_stripe_says_what_to_do() -> None:
    with pytest.raises(BillingFailure, match="tenant acme has no provider_customer_id: link it") as no_customer:
        balance_credit(a_request(), a_tenant(customer=None))
    with pytest.raises(BillingFailure, match="INV-2026-000123 has no provider_invoice_id: link it") as no_invoice:
        provider_invoice_of(an_invoice(at_provider=None))

    assert no_customer.value.code is no_invoice.value.code is FailureCode.INVALID
