"""The simulator's pages: what the account holds, readable, and nothing in it can run."""

from __future__ import annotations

import httpx
import stripe

from tests.fixtures.stripe_simulator import StripeSimulator
from tests.sandbox.stripe.builders import Books


def test_the_account_page_shows_credits_with_their_amounts_in_words(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    invoice = books.paid(123456, customer=books.customer(balance=-500).id)
    client.v1.credit_notes.create({"invoice": invoice.id, "amount": 2500, "credit_amount": 2500})
    books.open(7000, currency="jpy")

    page = httpx.get(stripe_simulator.url).text

    assert all(words in page for words in (f"{invoice.number}-CN-01", "$25.00", "-$25.00", "-$5.00", "¥7,000"))


def test_every_object_has_a_page_whose_ids_lead_on(stripe_simulator: StripeSimulator, books: Books) -> None:
    invoice = books.open(1000)

    page = httpx.get(invoice.hosted_invoice_url)

    assert page.status_code == 200
    assert f'<a href="/objects/{invoice.customer}">' in page.text
    assert "invoice.finalized" in page.text


def test_an_empty_account_and_an_unknown_object_have_pages_too(stripe_simulator: StripeSimulator) -> None:
    answers = [httpx.get(f"{stripe_simulator.url}{path}") for path in ("/", "/objects/in_nothing")]

    assert [answer.status_code for answer in answers] == [200, 404]
    assert "Nothing has this id" in answers[1].text


def test_what_others_wrote_is_shown_and_never_run(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient
) -> None:
    hostile = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    customer = client.v1.customers.create({"name": hostile, "description": hostile}).id

    answers = [httpx.get(f"{stripe_simulator.url}{path}") for path in ("/", f"/objects/{customer}")]

    for answer in answers:
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_deleted_customer_is_shown_as_deleted(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    client.v1.customers.delete(books.customer(card=None).id)

    assert "deleted" in httpx.get(stripe_simulator.url).text
