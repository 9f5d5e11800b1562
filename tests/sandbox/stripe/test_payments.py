"""Cards, payment intents, refunds and disputes at the simulator."""

from __future__ import annotations

import pytest
import stripe

from sandbox.stripe.cards import CARDS
from tests.fixtures.stripe_simulator import StripeSimulator
from tests.sandbox.stripe.builders import Books

REFUSED_WHEN_ATTACHED = {name: card.decline for name, card in CARDS.items() if not card.attaches}
DECLINED_WHEN_CHARGED = {name: card.decline for name, card in CARDS.items() if card.decline}
CODES = {
    "generic_decline": "card_declined",
    "insufficient_funds": "card_declined",
    "lost_card": "card_declined",
    "stolen_card": "card_declined",
    "card_velocity_exceeded": "card_declined",
    "expired_card": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "processing_error": "processing_error",
    "authentication_required": "authentication_required",
}


@pytest.mark.parametrize(("card", "decline"), DECLINED_WHEN_CHARGED.items())
def test_each_declining_card_declines_in_its_own_words(client: stripe.StripeClient, card: str, decline: str) -> None:
    payment = {"amount": 1000, "currency": "usd", "confirm": True, "payment_method": f"pm_card_{card}"}

    with pytest.raises(stripe.CardError) as refusal:
        client.v1.payment_intents.create(payment)

    assert refusal.value.http_status == 402
    assert (refusal.value.code, refusal.value.error.decline_code) == (CODES[decline], decline)
    failed = client.v1.payment_intents.list().data[0]
    assert failed.status == "requires_payment_method"
    assert client.v1.charges.retrieve(str(failed.latest_charge)).failure_code == CODES[decline]


@pytest.mark.parametrize(("card", "decline"), REFUSED_WHEN_ATTACHED.items())
def test_a_bad_card_is_refused_when_it_is_attached(
    client: stripe.StripeClient, books: Books, card: str, decline: str
) -> None:
    customer = books.customer(card=None).id

    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.attach(f"pm_card_{card}", {"customer": customer})

    assert client.v1.customers.payment_methods.list(customer).data == []


def test_a_declined_invoice_stays_open_and_counts_the_attempt(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer(card="pm_card_chargeCustomerFail").id
    invoice = books.open(1000, customer=customer)

    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(invoice.id)

    after = client.v1.invoices.retrieve(invoice.id)
    assert (after.status, after.attempt_count, after.attempted) == ("open", 1, True)
    assert client.v1.customers.retrieve(customer).delinquent is True
    failures = {"charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"}
    assert failures <= set(books.events())


def test_another_card_settles_what_the_first_could_not(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer(card="pm_card_chargeCustomerFail").id
    invoice = books.open(1000, customer=customer)
    with pytest.raises(stripe.CardError):
        client.v1.invoices.pay(invoice.id)

    paid = client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})

    assert (paid.status, paid.amount_paid) == ("paid", 1000)
    assert client.v1.customers.retrieve(customer).delinquent is False
    payments = client.v1.invoice_payments.list({"invoice": invoice.id}).data
    assert [(payment.status, payment.amount_paid) for payment in payments] == [("paid", 1000)]


def test_confirming_the_intent_of_an_invoice_pays_the_invoice(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(1000)
    waiting = client.v1.invoice_payments.list({"invoice": invoice.id}).data[0].payment.payment_intent

    client.v1.payment_intents.confirm(str(waiting), {"payment_method": "pm_card_visa"})

    assert client.v1.invoices.retrieve(invoice.id).status == "paid"


def test_raw_card_numbers_are_refused_and_not_repeated(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient
) -> None:
    number = "4242" * 4
    card = {"number": number, "exp_month": 1, "exp_year": 2034, "cvc": "123"}

    with pytest.raises(stripe.InvalidRequestError, match="generally unsafe") as refusal:
        client.v1.payment_methods.create({"type": "card", "card": card})
    with pytest.raises(stripe.InvalidRequestError, match="generally unsafe") as second:
        client.v1.payment_methods.create({"type": "card", "card": {"token": number}})

    assert number not in f"{refusal.value}{second.value}{stripe_simulator.control.state()}"


def test_a_token_becomes_a_card(client: stripe.StripeClient) -> None:
    method = client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_mastercard"}})

    assert (method.card.brand, method.card.last4) == ("mastercard", "4444")


def test_a_detached_card_is_nobodys_default_any_more(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer()
    default = customer.invoice_settings.default_payment_method

    client.v1.payment_methods.detach(str(default))

    assert client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError, match="default_payment_method"):
        client.v1.invoices.pay(books.open(1000, customer=customer.id).id)


def test_an_authorised_payment_is_captured_in_part(client: stripe.StripeClient) -> None:
    held = client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "usd",
            "capture_method": "manual",
            "payment_method": "pm_card_visa",
            "confirm": True,
        }
    )

    captured = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 600})

    assert (held.status, held.amount_capturable) == ("requires_capture", 1000)
    assert (captured.status, captured.amount_received) == ("succeeded", 600)


def test_a_paid_intent_can_be_neither_cancelled_nor_paid_again(client: stripe.StripeClient) -> None:
    payment = {"amount": 1000, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    paid = client.v1.payment_intents.create(payment)

    for act in (client.v1.payment_intents.cancel, client.v1.payment_intents.confirm):
        with pytest.raises(stripe.InvalidRequestError, match="status of succeeded") as refusal:
            act(paid.id)
        assert refusal.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("amount", "currency", "code"), [(49, "usd", "amount_too_small"), (10**8, "usd", "amount_too_large")]
)
def test_amounts_that_no_card_can_pay_are_refused(
    client: stripe.StripeClient, amount: int, currency: str, code: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.create({"amount": amount, "currency": currency})

    assert refusal.value.code == code


def test_a_charge_is_refunded_in_parts_and_never_beyond(client: stripe.StripeClient, books: Books) -> None:
    charge = books.charge_of(books.paid(1000)).id
    client.v1.refunds.create({"charge": charge, "amount": 600, "reason": "duplicate"})

    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"charge": charge, "amount": 401})
    client.v1.refunds.create({"charge": charge})

    after = client.v1.charges.retrieve(charge)
    assert (after.amount_refunded, after.refunded) == (1000, True)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"charge": charge})
    assert refusal.value.code == "charge_already_refunded"


def test_a_pending_refund_arrives_after_a_while(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    invoice = books.paid(1000, customer=books.customer(card="pm_card_pendingRefund").id)
    refund = client.v1.refunds.create({"charge": books.charge_of(invoice).id})

    stripe_simulator.control.advance(hours=2)

    assert refund.status == "pending"
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"


def test_a_refund_that_the_bank_sends_back_leaves_the_charge_unrefunded(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    invoice = books.paid(1000, customer=books.customer(card="pm_card_refundFail").id)
    refund = client.v1.refunds.create({"charge": books.charge_of(invoice).id})

    stripe_simulator.control.advance(hours=2)

    assert refund.status == "succeeded"
    assert client.v1.refunds.retrieve(refund.id).status == "failed"
    assert books.charge_of(invoice).amount_refunded == 0
    assert "refund.failed" in books.events()


@pytest.mark.parametrize(
    ("evidence", "status", "net"), [("winning_evidence", "won", 1000), ("losing_evidence", "lost", 0)]
)
def test_a_dispute_takes_the_money_until_it_is_won(
    client: stripe.StripeClient, books: Books, evidence: str, status: str, net: int
) -> None:
    charge = books.charge_of(books.paid(1000, customer=books.customer(card="pm_card_createDispute").id))
    dispute = client.v1.disputes.list({"charge": charge.id}).data[0]

    judged = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}, "submit": True})

    assert (dispute.status, dispute.amount, dispute.reason) == ("needs_response", 1000, "fraudulent")
    assert judged.status == status
    moved = [movement.amount for movement in judged.balance_transactions]
    assert sum(moved) + charge.amount == net


def test_a_disputed_charge_cannot_be_refunded(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    charge = books.charge_of(books.paid(1000)).id
    stripe_simulator.control.dispute(charge, "product_not_received")

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"charge": charge})

    assert refusal.value.code == "charge_disputed"


def test_an_accepted_dispute_is_lost_and_an_inquiry_only_closed(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    first, second = (books.charge_of(books.paid(1000)).id for _ in range(2))
    dispute = stripe_simulator.control.dispute(first)
    inquiry = stripe_simulator.control.dispute(second, inquiry=True)

    closed = [client.v1.disputes.close(opened["id"]).status for opened in (dispute, inquiry)]

    assert closed == ["lost", "warning_closed"]
    with pytest.raises(stripe.InvalidRequestError, match="lost"):
        client.v1.disputes.close(dispute["id"])


def test_the_account_keeps_what_it_charged_less_refunds_and_fees(client: stripe.StripeClient, books: Books) -> None:
    charge = books.charge_of(books.paid(1000)).id
    client.v1.refunds.create({"charge": charge, "amount": 400})

    moved = client.v1.balance_transactions.list().data

    assert [(item.type, item.amount, item.fee) for item in moved] == [("refund", -400, 0), ("charge", 1000, 59)]
