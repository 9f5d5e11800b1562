"""Payments at the simulator that take their time, and payments beside an invoice that count towards it."""

from __future__ import annotations

import pytest
import stripe

from sandbox.stripe.faults import FaultKind
from tests.fixtures.stripe_simulator import StripeSimulator
from tests.sandbox.stripe.builders import Books

PAY = "/v1/invoices/*/pay"


@pytest.mark.parametrize(("says_yes", "status", "left"), [(True, "paid", 0), (False, "open", 1000)])
def test_a_bank_answers_later(
    stripe_simulator: StripeSimulator,
    client: stripe.StripeClient,
    books: Books,
    says_yes: bool,
    status: str,
    left: int,
) -> None:
    invoice = books.open(1000)
    stripe_simulator.control.fault(FaultKind.PROCESSING, PAY, attempts=(1,), seconds=3600, committed=says_yes)

    waiting = client.v1.invoices.pay(invoice.id)
    stripe_simulator.control.advance(hours=1.1)

    after = client.v1.invoices.retrieve(invoice.id)
    assert (waiting.status, waiting.amount_remaining) == ("open", 1000)
    assert (after.status, after.amount_remaining) == (status, left)
    assert books.events().count("payment_intent.processing") == 1


def test_nothing_else_pays_an_invoice_while_its_bank_thinks(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    invoice = books.open(1000)
    stripe_simulator.control.fault(FaultKind.PROCESSING, PAY, attempts=(1,), seconds=3600)
    client.v1.invoices.pay(invoice.id)

    with pytest.raises(stripe.InvalidRequestError, match="is being processed"):
        client.v1.invoices.pay(invoice.id)


def test_a_payment_beside_an_invoice_pays_a_part_of_it(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(1000)
    beside = client.v1.payment_intents.create(
        {"amount": 400, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    )

    partly = client.v1.invoices.attach_payment(invoice.id, {"payment_intent": beside.id})
    whole = client.v1.invoices.pay(invoice.id)

    assert (partly.status, partly.amount_paid, partly.amount_remaining) == ("open", 400, 600)
    assert (whole.status, whole.amount_paid, whole.amount_remaining) == ("paid", 1000, 0)
    assert sorted(charge.amount for charge in client.v1.charges.list().data) == [400, 600]


def test_a_payment_larger_than_what_remains_is_refused(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(1000)
    beside = client.v1.payment_intents.create(
        {"amount": 1100, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    )

    with pytest.raises(stripe.InvalidRequestError, match="larger than what remains"):
        client.v1.invoices.attach_payment(invoice.id, {"payment_intent": beside.id})
