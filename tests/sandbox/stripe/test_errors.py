"""What the simulator says to requests that are wrong, and lists, expansions and search for those that are right."""

from __future__ import annotations

import httpx
import pytest
import stripe

from tests.fixtures.stripe_simulator import API_KEY, StripeSimulator
from tests.sandbox.stripe.builders import Books

WRONG = [
    ("/v1/customers/cus_x/balance_transactions", "currency=usd", 400, "parameter_missing", "amount"),
    ("/v1/customers", "name=N&colour=red", 400, "parameter_unknown", "colour"),
    ("/v1/customers", "address[planet]=mars", 400, "parameter_unknown", "address[planet]"),
    ("/v1/payment_intents", "amount=five&currency=usd", 400, "parameter_invalid_integer", "amount"),
    ("/v1/payment_intents", "amount=5000&currency=zzz", 400, None, "currency"),
    ("/v1/payment_intents", "amount=5000&currency=usd&confirm=maybe", 400, None, "confirm"),
    ("/v1/refunds", "charge=ch_x&reason=because", 400, None, "reason"),
    ("/v1/refunds", "charge=ch_x", 400, "resource_missing", "charge"),
    ("/v1/credit_notes", "invoice=in_x&amount=5", 400, "resource_missing", "invoice"),
    ("/v1/credit_notes", "invoice=", 400, "parameter_invalid_empty", "invoice"),
    ("/v1/invoices/in_x/finalize", "", 404, "resource_missing", "id"),
    ("/v1/customers/cus_x", "name=N", 404, "resource_missing", "id"),
    ("/v1/products", "name=N", 404, None, None),
    ("/v1/customers", "test_clock=clock_1", 400, "not_imitated", "test_clock"),
    ("/v1/invoices", "lines[0]=x", 400, "parameter_unknown", "lines"),
    ("/v1/customers", "address=mars", 400, None, "address"),
    ("/v1/customers", "metadata=a&metadata[b]=c", 400, None, "metadata"),
]


@pytest.mark.parametrize(("path", "form", "status", "code", "param"), WRONG)
def test_a_wrong_request_is_told_what_is_wrong(
    stripe_simulator: StripeSimulator, path: str, form: str, status: int, code: str | None, param: str | None
) -> None:
    headers = {"authorization": f"Bearer {API_KEY}", "content-type": "application/x-www-form-urlencoded"}

    answer = httpx.post(stripe_simulator.url + path, content=form, headers=headers)

    error = answer.json()["error"]
    stripe_simulator.control.take_violations()
    assert (answer.status_code, error["type"]) == (status, "invalid_request_error")
    assert (error.get("code"), error.get("param")) == (code, param)
    assert error["message"]


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer sk_live_abc"}, {"authorization": "Basic c2s6"}])
def test_without_a_test_key_nothing_is_answered(stripe_simulator: StripeSimulator, header: dict[str, str]) -> None:
    answer = httpx.get(f"{stripe_simulator.url}/v1/customers", headers=header)

    assert answer.status_code == 401
    assert answer.headers["request-id"].startswith("req_")


def test_a_list_is_paged_both_ways_newest_first(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"name": f"customer {n}"}).id for n in range(5)]

    first = client.v1.customers.list({"limit": 2})
    second = client.v1.customers.list({"limit": 2, "starting_after": first.data[-1].id})
    back = client.v1.customers.list({"limit": 2, "ending_before": second.data[0].id})

    assert [item.id for item in first.data + second.data] == made[:0:-1]
    assert (first.has_more, second.has_more) == (True, True)
    assert [item.id for item in back.data] == [item.id for item in first.data]
    assert [item.id for item in client.v1.customers.list({"limit": 2}).auto_paging_iter()] == made[::-1]


def test_a_list_is_narrowed_by_time_of_creation(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    customer = books.customer().id
    entries = client.v1.customers.balance_transactions
    early = entries.create(customer, {"amount": -1, "currency": "usd"})
    stripe_simulator.control.advance(hours=1)
    late = entries.create(customer, {"amount": -2, "currency": "usd"})

    found = entries.list(customer, {"created": {"gte": early.created + 60}})

    assert [item.id for item in found.data] == [late.id]


def test_an_id_is_expanded_into_its_object_on_request(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.paid(1000)

    expanded = client.v1.invoices.retrieve(invoice.id, {"expand": ["customer", "payments.data.payment.payment_intent"]})

    assert expanded.customer.name == "Northwind"
    assert expanded.payments.data[0].payment.payment_intent.amount_received == 1000
    listed = client.v1.invoices.list({"expand": ["data.customer"]})
    assert listed.data[0].customer.name == "Northwind"


def test_what_is_no_reference_cannot_be_expanded(client: stripe.StripeClient, books: Books) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.invoices.retrieve(books.draft().id, {"expand": ["amount_due"]})


def test_search_finds_by_metadata_but_lags_behind(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    invoice = client.v1.invoices.create({"customer": books.customer().id, "metadata": {"op_key": "case-7/invoice"}})
    query = "metadata['op_key']:'case-7/invoice' AND status:'draft'"

    at_once = client.v1.invoices.search({"query": query})
    stripe_simulator.control.advance(seconds=90)
    later = client.v1.invoices.search({"query": query})

    assert at_once.data == []
    assert [item.id for item in later.data] == [invoice.id]


def test_search_goes_on_page_by_page(stripe_simulator: StripeSimulator, client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"name": "Northwind"}).id for _ in range(5)]
    stripe_simulator.control.advance(seconds=90)

    found = client.v1.customers.search({"query": "name:'Northwind'", "limit": 2}).auto_paging_iter()

    assert [customer.id for customer in found] == made[::-1]


def test_metadata_is_merged_and_single_keys_are_removed(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"metadata": {"a": "1", "b": "2"}, "description": "first"}).id

    merged = client.v1.customers.update(customer, {"metadata": {"a": "", "c": "3"}, "description": ""})
    cleared = client.v1.customers.update(customer, {"metadata": ""})

    assert (merged.metadata.to_dict(), merged.description) == ({"b": "2", "c": "3"}, None)
    assert cleared.metadata.to_dict() == {}


def test_a_deleted_customer_is_a_tombstone_and_gets_nothing_new(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer().id

    client.v1.customers.delete(customer)

    assert client.v1.customers.retrieve(customer).deleted is True
    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.invoices.create({"customer": customer})


def test_balances_in_several_currencies_are_kept_apart(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer(balance=-300, currency="eur").id

    entry = client.v1.customers.balance_transactions.create(customer, {"amount": -500, "currency": "JPY"})

    shown = client.v1.customers.retrieve(customer)
    assert (entry.currency, entry.ending_balance) == ("jpy", -500)
    assert (shown.currency, shown.balance) == ("eur", -300)
    assert shown.invoice_credit_balance.to_dict() == {"eur": 300, "jpy": 500}
