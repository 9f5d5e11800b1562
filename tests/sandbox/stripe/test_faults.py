"""Scripted faults at the simulator: what the caller sees, and what became of the effect."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from sandbox.stripe.faults import FaultKind
from tests.fixtures.stripe_simulator import StripeSimulator
from tests.sandbox.stripe.builders import Books

PATH = "/v1/customers/*/balance_transactions"
KEY = {"idempotency_key": "case-7/credit/g1"}

# fault -> (error the SDK raises, HTTP status it knows of, whether the money moved)
SEEN: dict[FaultKind, tuple[type[Exception], int | None, bool]] = {
    FaultKind.ERROR_BEFORE_COMMIT: (stripe.APIError, 500, False),
    FaultKind.ERROR_AFTER_COMMIT: (stripe.APIError, 500, True),
    FaultKind.LOST_ANSWER: (stripe.APIConnectionError, None, True),
    FaultKind.TRUNCATED_ANSWER: (stripe.APIConnectionError, None, True),
    FaultKind.GARBLED_ANSWER: (stripe.APIError, 200, True),
    FaultKind.TIMEOUT: (stripe.APIConnectionError, None, True),
    FaultKind.PAUSE: (stripe.APIConnectionError, None, True),
    FaultKind.CONFLICT: (stripe.APIError, 409, False),
    FaultKind.RATE_LIMIT: (stripe.RateLimitError, 429, False),
    FaultKind.DECLINE: (stripe.CardError, 402, False),
}
HANGING = {FaultKind.TIMEOUT, FaultKind.PAUSE}
HEALED_BY_THE_SAME_KEY = set(SEEN) - {FaultKind.ERROR_AFTER_COMMIT, FaultKind.DECLINE}


@pytest.fixture
def impatient(stripe_simulator: StripeSimulator) -> stripe.StripeClient:
    """The SDK with a timeout that is only good for calls that are to hang."""
    return stripe_simulator.client(timeout=0.2)


def credit(client: stripe.StripeClient, customer: str) -> stripe.CustomerBalanceTransaction:
    return client.v1.customers.balance_transactions.create(customer, {"amount": -500, "currency": "usd"}, KEY)


@pytest.mark.parametrize("fault", SEEN)
def test_each_fault_looks_like_itself_and_leaves_the_effect_it_should(
    stripe_simulator: StripeSimulator,
    client: stripe.StripeClient,
    impatient: stripe.StripeClient,
    books: Books,
    fault: FaultKind,
) -> None:
    customer = books.customer().id
    stripe_simulator.control.fault(fault, PATH, attempts=(1,), seconds=60)

    with pytest.raises(SEEN[fault][0]) as failure:
        credit(impatient if fault in HANGING else client, customer)

    assert type(failure.value) is SEEN[fault][0]
    assert failure.value.http_status == SEEN[fault][1]
    assert client.v1.customers.retrieve(customer).balance == (-500 if SEEN[fault][2] else 0)
    stripe_simulator.control.release()


@pytest.mark.parametrize("attempts", [(1,), (2,), (1, 2)])
@pytest.mark.parametrize("fault", sorted(HEALED_BY_THE_SAME_KEY))
def test_trying_again_with_the_same_key_ends_with_one_effect(
    stripe_simulator: StripeSimulator,
    client: stripe.StripeClient,
    impatient: stripe.StripeClient,
    books: Books,
    fault: FaultKind,
    attempts: tuple[int, ...],
) -> None:
    customer = books.customer().id
    stripe_simulator.control.fault(fault, PATH, attempts=attempts, seconds=60)

    failed = []
    for attempt in (1, 2, 3):
        try:
            credit(impatient if fault in HANGING and attempt in attempts else client, customer)
        except stripe.StripeError:
            failed.append(attempt)

    assert tuple(failed) == attempts
    assert client.v1.customers.retrieve(customer).balance == -500
    stripe_simulator.control.release()


def test_a_decline_makes_a_good_card_fail_and_the_attempt_stays_on_record(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    invoice = books.open(1000)
    stripe_simulator.control.fault(
        FaultKind.DECLINE, "/v1/invoices/*/pay", attempts=(1,), decline_code="insufficient_funds"
    )

    with pytest.raises(stripe.CardError) as refusal:
        client.v1.invoices.pay(invoice.id)
    paid = client.v1.invoices.pay(invoice.id)

    assert refusal.value.error.decline_code == "insufficient_funds"
    assert paid.status == "paid"
    charges = client.v1.charges.list({"customer": str(invoice.customer)}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


def test_a_held_answer_arrives_when_it_is_released(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    stripe_simulator.control.fault(FaultKind.PAUSE, PATH)

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(credit, client, customer)
        while not (held := stripe_simulator.control.held()):
            time.sleep(0.01)
        waiting = not answer.done()
        stripe_simulator.control.release(held[0].request_id)

    assert waiting
    assert (held[0].idempotency_key, held[0].committed) == (KEY["idempotency_key"], True)
    assert answer.result().amount == -500
    assert stripe_simulator.control.held() == []


def test_a_retry_is_answered_while_the_first_answer_is_still_held(
    stripe_simulator: StripeSimulator, impatient: stripe.StripeClient, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    stripe_simulator.control.fault(FaultKind.PAUSE, PATH, attempts=(1,))
    with pytest.raises(stripe.APIConnectionError):
        credit(impatient, customer)

    again = credit(client, customer)

    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert client.v1.customers.retrieve(customer).balance == -500
    stripe_simulator.control.release()


def test_a_request_whose_caller_left_is_still_carried_out(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, impatient: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    stripe_simulator.control.fault(FaultKind.PAUSE, PATH, attempts=(1,), committed=False)
    with pytest.raises(stripe.APIConnectionError):
        credit(impatient, customer)
    before = client.v1.customers.retrieve(customer).balance

    stripe_simulator.control.release()

    patience = time.monotonic() + 5
    while (after := client.v1.customers.retrieve(customer).balance) == 0 and time.monotonic() < patience:
        time.sleep(0.01)
    assert (before, after) == (0, -500)


def test_only_matching_calls_are_struck_and_counted(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    stripe_simulator.control.fault(FaultKind.RATE_LIMIT, "/v1/invoices/*/pay", attempts=(2,))
    stripe_simulator.control.fault(FaultKind.RATE_LIMIT, "/v1/customers/*", method="GET", attempts=(1,))

    credit(client, customer)
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.retrieve(customer)

    assert [fault["seen"] for fault in stripe_simulator.control.faults()] == [0, 1]
    stripe_simulator.control.clear_faults()
    assert client.v1.customers.retrieve(customer).balance == -500


def test_the_request_log_tells_what_was_asked_and_what_befell_it(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    path = f"/v1/customers/{customer}/balance_transactions"
    stripe_simulator.control.fault(FaultKind.RATE_LIMIT, PATH, attempts=(1,))
    with pytest.raises(stripe.RateLimitError):
        credit(client, customer)
    credit(client, customer)
    credit(client, customer)

    logged = stripe_simulator.control.requests("POST", path)

    assert [(entry.status, entry.replayed, entry.fault) for entry in logged] == [
        (429, False, FaultKind.RATE_LIMIT),
        (200, False, None),
        (200, True, None),
    ]
    assert {entry.idempotency_key for entry in logged} == {KEY["idempotency_key"]}


@pytest.mark.parametrize(
    ("kind", "path", "problem"), [("earthquake", "/v1/refunds", "earthquake"), ("pause", 7, "path")]
)
def test_a_fault_that_makes_no_sense_is_refused(
    stripe_simulator: StripeSimulator, kind: str, path: object, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        stripe_simulator.control.fault(kind, path)


def test_the_clock_only_goes_forward(stripe_simulator: StripeSimulator) -> None:
    before = stripe_simulator.control.now()

    with pytest.raises(ValueError, match="whole number"):
        stripe_simulator.control.advance(seconds=-1)

    assert stripe_simulator.control.advance(hours=25) >= before + 25 * 3600
