"""Idempotency keys at the simulator: the same key gives the same answer, for a day, and never does the work twice."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from sandbox.stripe.faults import FaultKind
from tests.fixtures.stripe_simulator import StripeSimulator
from tests.sandbox.stripe.builders import Books

KEY = {"idempotency_key": "case-7/credit/g1"}
CREDIT = {"amount": -500, "currency": "usd"}


def credit(client: stripe.StripeClient, customer: str, **changes: object) -> stripe.CustomerBalanceTransaction:
    return client.v1.customers.balance_transactions.create(customer, {**CREDIT, **changes}, KEY)


def balance(client: stripe.StripeClient, customer: str) -> int | None:
    return client.v1.customers.retrieve(customer).balance


def test_the_same_request_is_answered_again_and_not_done_again(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer().id

    first, second = (credit(client, customer) for _ in range(2))

    assert first.to_dict() == second.to_dict()
    assert balance(client, customer) == -500
    headers = [dict(answer.last_response.headers) for answer in (first, second)]
    assert ["Idempotent-Replayed" in {name.title() for name in header} for header in headers] == [False, True]


def test_another_amount_under_the_same_key_is_refused(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer().id
    credit(client, customer)

    with pytest.raises(stripe.IdempotencyError, match="same parameters they were first used with") as refusal:
        credit(client, customer, amount=-501)

    assert refusal.value.http_status == 400
    assert balance(client, customer) == -500


def test_another_endpoint_under_the_same_key_is_refused(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer().id
    credit(client, customer)

    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.customers.create({"name": "Northwind"}, KEY)


def test_a_key_is_forgotten_after_a_day_and_then_does_the_work_anew(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    credit(client, customer)

    stripe_simulator.control.advance(seconds=24 * 3600 - 60)
    credit(client, customer)
    before = balance(client, customer)
    stripe_simulator.control.advance(seconds=120)
    credit(client, customer)

    assert (before, balance(client, customer)) == (-500, -1000)


def test_while_the_first_request_is_under_way_the_second_is_refused(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    stripe_simulator.control.fault(
        FaultKind.PAUSE, "/v1/customers/*/balance_transactions", attempts=(1,), committed=False
    )

    with ThreadPoolExecutor() as pool:
        first = pool.submit(credit, client, customer)
        while not stripe_simulator.control.held():
            pass
        with pytest.raises(stripe.APIError) as refusal:
            credit(client, customer)
        stripe_simulator.control.release()
        first.result()

    assert (refusal.value.http_status, refusal.value.error.code) == (409, "idempotency_key_in_use")
    assert balance(client, customer) == -500


def test_a_request_that_failed_validation_leaves_its_key_unused(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    with pytest.raises(stripe.InvalidRequestError):
        credit(client, customer, amount="five")
    with pytest.raises(stripe.InvalidRequestError):
        credit(client, "cus_of_nobody")
    stripe_simulator.control.take_violations()

    credit(client, customer)

    assert balance(client, customer) == -500


def test_a_wrong_api_key_leaves_the_idempotency_key_unused(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    for wrong in ("sk_live_x", "pk_test_x"):
        with pytest.raises(stripe.AuthenticationError):
            credit(stripe_simulator.client(wrong), customer)

    credit(client, customer)

    assert balance(client, customer) == -500


@pytest.mark.parametrize("fault", [FaultKind.CONFLICT, FaultKind.RATE_LIMIT, FaultKind.ERROR_BEFORE_COMMIT])
def test_what_was_turned_away_at_the_door_may_come_again(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books, fault: FaultKind
) -> None:
    customer = books.customer().id
    stripe_simulator.control.fault(fault, "/v1/customers/*/balance_transactions", attempts=(1,))
    with pytest.raises(stripe.StripeError):
        credit(client, customer)

    credit(client, customer)

    assert balance(client, customer) == -500


def test_a_refusal_by_the_state_of_things_is_remembered(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.draft(1000).id
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.void_invoice(invoice, options=KEY)
    client.v1.invoices.finalize_invoice(invoice)

    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.invoices.void_invoice(invoice, options=KEY)

    assert again.value.headers["idempotent-replayed"] == "true"
    assert client.v1.invoices.retrieve(invoice).status == "open"


def test_a_declined_payment_is_remembered_and_not_tried_again(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer(card="pm_card_chargeCustomerFail").id
    invoice = books.open(1000, customer=customer).id

    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.invoices.pay(invoice, options=KEY)

    assert len(client.v1.charges.list({"customer": customer}).data) == 1


@pytest.mark.parametrize("happened", [True, False])
def test_a_stored_500_is_repeated_for_ever_whether_or_not_the_work_was_done(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books, happened: bool
) -> None:
    customer = books.customer().id
    kind = FaultKind.ERROR_AFTER_COMMIT if happened else FaultKind.ERROR_BEFORE_COMMIT
    stripe_simulator.control.fault(kind, "/v1/customers/*/balance_transactions", attempts=(1,), stored=True)

    answers = []
    for _ in range(3):
        with pytest.raises(stripe.APIError) as failure:
            credit(client, customer)
        answers.append((failure.value.http_status, failure.value.headers.get("idempotent-replayed")))

    assert answers == [(500, None), (500, "true"), (500, "true")]
    assert balance(client, customer) == (-500 if happened else 0)


def test_a_key_of_more_than_255_characters_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        client.v1.customers.create({"name": "Northwind"}, {"idempotency_key": "k" * 256})


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the SDK's own way of calling httpx
async def test_ten_at_once_with_one_key_have_one_effect(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id

    made = await asyncio.gather(
        *(client.v1.customers.balance_transactions.create_async(customer, CREDIT, KEY) for _ in range(10))
    )

    assert len({transaction.id for transaction in made}) == 1
    assert balance(client, customer) == -500
