"""Every answer Stripe or the network can give has one meaning for the effect that was asked for."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from activities.ports import Wire
from adapters.stripe.provider import StripeProvider
from billing.corrections import Destination
from billing.failures import BillingFailure, FailureCode
from tests.adapters.stripe.raw_stripe import RawStripe, Reply, problem, running_raw_stripe
from tests.adapters.stripe.samples import a_request, a_tenant, an_effect, an_invoice

REFUSED, BUSY, UNKNOWN = FailureCode.PROVIDER_REFUSED, FailureCode.PROVIDER_BUSY, FailureCode.OUTCOME_UNKNOWN
INVALID, AWAY, CONFLICT, SPENT = (
    FailureCode.INVALID,
    FailureCode.UNAVAILABLE,
    FailureCode.CONFLICT,
    FailureCode.KEY_SPENT,
)
KEY = "sk_test_canary"

WIRES = {
    "credit note": Wire(call="credit_note", params={"invoice": "in_1", "amount": 2500}),
    "balance": Wire(
        call="customer_balance_transaction", params={"customer": "cus_1", "amount": -2500, "currency": "usd"}
    ),
}

BAD_REQUEST = {"type": "invalid_request_error", "code": "parameter_invalid", "param": "amount", "message": "Too much."}

ANSWERS: dict[str, tuple[Reply, FailureCode, FailureCode]] = {
    "a parameter is wrong": (problem(400, BAD_REQUEST), REFUSED, INVALID),
    "a declined card": (problem(402, {"type": "card_error", "decline_code": "lost_card"}), REFUSED, INVALID),
    "an unknown id": (problem(404, {"type": "invalid_request_error", "code": "resource_missing"}), REFUSED, INVALID),
    "the key with other parameters": (problem(400, {"type": "idempotency_error"}), CONFLICT, CONFLICT),
    "the key at work": (problem(409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}), BUSY, BUSY),
    "any other conflict": (problem(409, {"type": "invalid_request_error"}), BUSY, BUSY),
    "too many requests": (problem(429, {"type": "invalid_request_error", "code": "rate_limit"}), BUSY, BUSY),
    "an object locked": (problem(429, {"type": "invalid_request_error", "code": "lock_timeout"}), BUSY, BUSY),
    "too many requests, said with 400": (problem(400, {"code": "rate_limit"}), BUSY, BUSY),
    "no key": (problem(401, {"type": "invalid_request_error", "message": f"Invalid key {KEY}"}), AWAY, AWAY),
    "no permission": (problem(403, {"type": "invalid_request_error", "message": f"{KEY} may not"}), AWAY, AWAY),
    "a first 500": (problem(500, {"type": "api_error"}), UNKNOWN, BUSY),
    "a first 500 that says so": (problem(500, {"type": "api_error"}, Idempotent_Replayed="false"), UNKNOWN, BUSY),
    "a stored 500": (problem(500, {"type": "api_error"}, Idempotent_Replayed="true"), SPENT, BUSY),
    "a stored 503": (problem(503, {"type": "api_error"}, idempotent_replayed="true"), SPENT, BUSY),
    "a gateway's 502": (Reply(502, "<html>Bad gateway</html>"), UNKNOWN, BUSY),
    "a gateway's 504 without a body": (Reply(504, ""), UNKNOWN, BUSY),
    "an error without an error": (Reply(400, "{}"), REFUSED, INVALID),
    "a redirect": (Reply(302, "{}"), UNKNOWN, BUSY),
    "a teapot": (problem(418, {"type": "api_error"}), UNKNOWN, BUSY),
    "a 200 that is no JSON": (Reply(200, '{"id": "cn_1", "obj'), UNKNOWN, BUSY),
    "a 200 without a body": (Reply(200, ""), UNKNOWN, BUSY),
    "a 200 that breaks off": (Reply(200, '{"id": "cn_1"', short_by=40), UNKNOWN, BUSY),
    "a 200 with a list": (Reply(200, "[1, 2]"), UNKNOWN, BUSY),
    "a 200 with null": (Reply(200, "null"), UNKNOWN, BUSY),
    "a 200 with a word": (Reply(200, '"ok"'), UNKNOWN, BUSY),
    "a 200 about nothing": (Reply(200, "{}"), UNKNOWN, BUSY),
    "no answer": (Reply(silent=True), UNKNOWN, BUSY),
    "silence": (Reply(stalled=True), UNKNOWN, BUSY),
}


@pytest.fixture
def server() -> Iterator[RawStripe]:
    with running_raw_stripe() as running:
        yield running


def provider(server: RawStripe) -> StripeProvider:
    return StripeProvider(KEY, server.url, timeout=0.3 if server.reply.stalled else 5.0)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("answer", ANSWERS)
def test_every_answer_to_a_credit_has_one_meaning(server: RawStripe, answer: str, wire: str) -> None:
    server.reply, expected, _ = ANSWERS[answer]

    with pytest.raises(BillingFailure) as failure:
        provider(server).send(WIRES[wire], "acme/2026-11-21/dispute/T-4711/credit/r1.1/g1")

    assert failure.value.code is expected
    assert KEY not in failure.value.for_us
    assert server.keys == ["acme/2026-11-21/dispute/T-4711/credit/r1.1/g1"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_look_up_that_fails_never_says_that_there_is_nothing(server: RawStripe, answer: str, wire: str) -> None:
    server.reply, _, expected = ANSWERS[answer]

    with pytest.raises(BillingFailure) as failure:
        provider(server).find(WIRES[wire], "dispute/T-4711/credit/r1.1")

    assert failure.value.code is expected
    assert KEY not in failure.value.for_us


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_plan_that_cannot_be_made_sends_nothing(server: RawStripe, answer: str) -> None:
    server.reply, _, expected = ANSWERS[answer]
    request = a_request(destination=Destination.CREDIT_NOTE)

    with pytest.raises(BillingFailure) as failure:
        provider(server).plan_credit(an_effect(request), request, an_invoice(), a_tenant())

    assert failure.value.code is expected
    assert server.keys == [None]


def test_a_refusal_names_the_parameter_and_the_reason(server: RawStripe) -> None:
    server.reply = problem(400, BAD_REQUEST)

    with pytest.raises(BillingFailure) as failure:
        provider(server).send(WIRES["balance"], "key")

    assert failure.value.for_us == "Stripe refused parameter amount: Too much. (parameter_invalid, req_1)"


def test_a_key_that_is_not_accepted_says_what_to_set(server: RawStripe) -> None:
    server.reply = problem(401, {"type": "invalid_request_error", "message": f"Invalid API Key provided: {KEY}"})

    with pytest.raises(
        BillingFailure, match="set RUNBOOKS_STRIPE_API_KEY to a key that may read and write invoices"
    ) as failure:
        provider(server).send(WIRES["balance"], "key")

    assert failure.value.code is AWAY


def test_nobody_listening_leaves_the_outcome_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_again:
        port = closed_again.getsockname()[1]

    with pytest.raises(BillingFailure) as failure:
        StripeProvider(KEY, f"http://127.0.0.1:{port}", timeout=0.3).send(WIRES["balance"], "key")

    assert failure.value.code is UNKNOWN


def test_a_call_we_never_make_is_refused_before_it_is_sent(server: RawStripe) -> None:
    with pytest.raises(BillingFailure, match="'refund' is no call we make at Stripe") as failure:
        provider(server).send(Wire(call="refund", params={}), "key")

    assert failure.value.code is INVALID
    assert server.keys == []
