"""The contract read from the SDK: it describes what the simulator does, and it notices what differs."""

from __future__ import annotations

import copy
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from sandbox.stripe import nouns
from sandbox.stripe.contract.checks import answer_violations, event_violations, request_violations
from sandbox.stripe.contract.operations import RESOURCES, answer_schema, operations, request_schema, resolved, shape
from sandbox.stripe.forms import decode, parse
from sandbox.stripe.routing import ROUTES
from tests.fixtures.stripe_simulator import StripeSimulator
from tests.sandbox.stripe.builders import Books

PLACES = {
    "customer": "/v1/customers/{customer}",
    "invoice": "/v1/invoices/{invoice}",
    "credit_note": "/v1/credit_notes/{id}",
    "charge": "/v1/charges/{charge}",
    "payment_intent": "/v1/payment_intents/{intent}",
    "payment_method": "/v1/payment_methods/{payment_method}",
    "refund": "/v1/refunds/{refund}",
    "dispute": "/v1/disputes/{dispute}",
    "invoiceitem": "/v1/invoiceitems/{invoiceitem}",
    "invoice_payment": "/v1/invoice_payments/{invoice_payment}",
    "customer_balance_transaction": "/v1/customers/{customer}/balance_transactions/{transaction}",
    "balance_transaction": "/v1/balance_transactions/{id}",
    "event": "/v1/events/{id}",
    "webhook_endpoint": "/v1/webhook_endpoints/{webhook_endpoint}",
}


@pytest.fixture
def one_of_each(stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books) -> dict[str, Any]:
    """An object of every kind, as the simulator holds it."""
    invoice = books.paid(1000, customer=books.customer(card="pm_card_createDispute", balance=-100).id)
    second = books.paid(1000)
    client.v1.credit_notes.create({"invoice": second.id, "amount": 400, "credit_amount": 100, "refund_amount": 300})
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/hook", "enabled_events": ["account.updated"]})
    assert invoice.status == "paid"
    return {kind: items[-1] for kind, items in stripe_simulator.control.state().items()}


def test_every_endpoint_of_the_simulator_is_one_of_the_sdk() -> None:
    assert nouns is not None

    unknown = [(route.method, route.path) for route in ROUTES if (route.method, shape(route.path)) not in operations()]

    assert unknown == []


def test_every_parameter_an_endpoint_claims_to_imitate_exists_in_the_sdk() -> None:
    invented = {
        (route.method, route.path): route.takes - set(resolved(request_schema(route.method, route.path))["properties"])
        for route in ROUTES
    }

    assert {place: names - {"expand"} for place, names in invented.items() if names - {"expand"}} == {}


def test_every_operation_of_the_sdk_in_scope_has_a_schema_for_its_parameters_and_its_answer() -> None:
    described = [(request_schema(*place), answer_schema(*place)) for place in operations()]

    assert len(described) > 80
    assert all(parameters and answer for parameters, answer in described)


def test_the_simulator_has_an_object_of_every_resource_and_each_fits(one_of_each: dict[str, Any]) -> None:
    embedded = {"line_item", "credit_note_line_item"}

    found = {kind: answer_violations("GET", PLACES[kind], one_of_each[kind]) for kind in PLACES}

    assert set(PLACES) == set(RESOURCES) - embedded
    assert {kind: violations for kind, violations in found.items() if violations} == {}


def test_a_renamed_field_is_noticed(one_of_each: dict[str, Any]) -> None:
    missed = []
    for kind, place in PLACES.items():
        for name in one_of_each[kind]:
            renamed = {f"{key}_" if key == name else key: value for key, value in one_of_each[kind].items()}
            if not answer_violations("GET", place, renamed):
                missed.append((kind, name))

    assert missed == []


def test_a_value_of_the_wrong_type_is_noticed(one_of_each: dict[str, Any]) -> None:
    missed = []
    for kind, place in PLACES.items():
        for name, value in one_of_each[kind].items():
            wrong = 7.5 if isinstance(value, dict | list) else {"surprising": True}
            if name != "metadata" and not answer_violations("GET", place, {**one_of_each[kind], name: wrong}):
                missed.append((kind, name))

    assert missed == []


def test_a_field_that_every_object_has_cannot_be_left_out(one_of_each: dict[str, Any]) -> None:
    missed = []
    for kind, place in PLACES.items():
        for name in resolved(answer_schema("GET", place))["required"]:
            without = {key: value for key, value in one_of_each[kind].items() if key != name}
            if not answer_violations("GET", place, without):
                missed.append((kind, name))

    assert missed == []


def test_a_word_that_this_version_of_stripe_does_not_use_is_noticed(one_of_each: dict[str, Any]) -> None:
    invoice = {**one_of_each["invoice"], "status": "settled"}

    violations = answer_violations("GET", PLACES["invoice"], invoice)

    assert [violation.field for violation in violations] == ["status"]


def test_a_mistake_deep_inside_is_noticed_with_its_place(one_of_each: dict[str, Any]) -> None:
    invoice = copy.deepcopy(one_of_each["invoice"])
    invoice["lines"]["data"][0]["amount"] = "1000"

    violations = answer_violations("GET", PLACES["invoice"], invoice)

    assert [violation.field for violation in violations] == ["lines/data/0/amount"]


def test_an_event_is_checked_with_what_it_carries(one_of_each: dict[str, Any]) -> None:
    event = copy.deepcopy(one_of_each["event"])
    event["data"]["object"]["colour"] = "red"

    assert event_violations(one_of_each["event"]) == []
    assert event_violations(event) != []


@pytest.mark.parametrize(
    ("encoded", "field"),
    [
        ("invoice=in_1&amount=5&colour=red", ""),
        ("invoice=in_1&reason=because", "reason"),
        ("amount=5", ""),
    ],
)
def test_a_request_the_sdk_could_not_make_is_noticed(encoded: str, field: str) -> None:
    violations = request_violations("POST", "/v1/credit_notes", parse(encoded) | {"amount": 5})

    assert [violation.field for violation in violations] == [field]


def test_a_request_the_sdk_makes_is_decoded_into_what_the_contract_asks_for() -> None:
    encoded = "invoice=in_1&amount=500&lines[0][type]=custom_line_item&lines[0][quantity]=2&metadata[op_key]=a/b"

    params = decode(parse(encoded), request_schema("POST", "/v1/credit_notes"))

    assert params == {
        "invoice": "in_1",
        "amount": 500,
        "lines": [{"type": "custom_line_item", "quantity": 2}],
        "metadata": {"op_key": "a/b"},
    }
    assert request_violations("POST", "/v1/credit_notes", params) == []


def test_simulators_in_several_threads_never_see_a_schema_that_is_half_derived() -> None:
    spec = importlib.util.find_spec("sandbox.stripe.contract.operations")
    assert spec is not None and spec.loader is not None
    unused = importlib.util.module_from_spec(spec)  # a copy of its own, which has derived nothing yet
    spec.loader.exec_module(unused)

    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(lambda _: unused.resolved(unused.request_schema("POST", "/v1/invoices")), range(8)))

    assert all("customer" in schema["properties"] for schema in seen)


def test_a_test_whose_traffic_contradicts_the_contract_would_fail(stripe_simulator: StripeSimulator) -> None:
    client = stripe_simulator.client()

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"nickname": "N"})

    violations = stripe_simulator.control.take_violations()
    assert violations == [
        {
            "where": "request POST /v1/customers",
            "field": "nickname",
            "problem": "Received unknown parameter: nickname",
        }
    ]
