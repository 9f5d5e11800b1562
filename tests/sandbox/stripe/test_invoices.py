"""Invoices at the simulator: their life, their lines, their money."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.stripe.nouns.invoice_status import TRANSITIONS
from tests.sandbox.stripe.builders import Books

Act = Callable[[stripe.StripeClient, str], stripe.Invoice]

STATUSES = ("draft", "open", "paid", "uncollectible", "void")
ACTIONS: dict[str, Act] = {
    "edit": lambda client, invoice: client.v1.invoices.add_lines(invoice, {"lines": [{"amount": 5}]}),
    "delete": lambda client, invoice: client.v1.invoices.delete(invoice),
    "finalize": lambda client, invoice: client.v1.invoices.finalize_invoice(invoice),
    "send": lambda client, invoice: client.v1.invoices.send_invoice(invoice),
    "pay": lambda client, invoice: client.v1.invoices.pay(invoice),
    "void": lambda client, invoice: client.v1.invoices.void_invoice(invoice),
    "mark_uncollectible": lambda client, invoice: client.v1.invoices.mark_uncollectible(invoice),
}
MESSAGES = {
    ("paid", "pay"): "Invoice is already paid",
    ("paid", "void"): "Invoices with `paid` payments cannot be voided.",
    ("draft", "void"): "You can only pass in open invoices. This invoice isn't open.",
    ("draft", "send"): "You can only pass in open invoices. This invoice isn't open.",
    ("open", "finalize"): "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
    ("open", "delete"): "You can only delete draft invoices.",
}


def invoice_in(client: stripe.StripeClient, books: Books, status: str) -> stripe.Invoice:
    customer = books.customer().id
    draft = client.v1.invoices.create(
        {"customer": customer, "collection_method": "send_invoice", "days_until_due": 30, "currency": "usd"}
    )
    client.v1.invoices.add_lines(draft.id, {"lines": [{"amount": 1000}]})
    if status != "draft":
        client.v1.invoices.finalize_invoice(draft.id)
    if status == "paid":
        client.v1.invoices.pay(draft.id)
    if status == "uncollectible":
        client.v1.invoices.mark_uncollectible(draft.id)
    if status == "void":
        client.v1.invoices.void_invoice(draft.id)
    return client.v1.invoices.retrieve(draft.id)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_leads_where_the_table_says_or_is_refused_and_changes_nothing(
    client: stripe.StripeClient, books: Books, status: str, action: str
) -> None:
    invoice = invoice_in(client, books, status)
    reached = TRANSITIONS.get((status, action))

    if reached is None:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            ACTIONS[action](client, invoice.id)
        assert client.v1.invoices.retrieve(invoice.id).to_dict() == invoice.to_dict()
        assert refusal.value.http_status == 400
        assert MESSAGES.get((status, action), "") in str(refusal.value)
    else:
        after = ACTIONS[action](client, invoice.id)
        assert "deleted" in after if reached == "deleted" else after.status == reached


def test_a_finalised_invoice_has_a_number_and_waits_for_its_payment(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer()

    first, second = (books.open(1000, 550, customer=customer.id) for _ in range(2))

    prefix = customer.invoice_prefix
    assert [first.number, second.number] == [f"{prefix}-0001", f"{prefix}-0002"]
    assert (first.total, first.amount_due, first.amount_remaining, first.amount_paid) == (1550, 1550, 1550, 0)
    payment = client.v1.invoice_payments.list({"invoice": first.id}).data[0]
    assert (payment.status, payment.amount_requested, payment.is_default) == ("open", 1550, True)


@pytest.mark.parametrize(
    ("balance", "total", "due", "ending"),
    [
        (0, 1000, 1000, 0),
        (-300, 1000, 700, 0),
        (-1000, 1000, 0, 0),
        (-1500, 1000, 0, -500),
        (200, 1000, 1200, 0),
        (0, -400, 0, -400),
        (-100, -400, 0, -500),
    ],
)
def test_finalising_uses_the_customers_balance(
    client: stripe.StripeClient, books: Books, balance: int, total: int, due: int, ending: int
) -> None:
    customer = books.customer(balance=balance)

    invoice = books.open(total, customer=customer.id)

    assert (invoice.starting_balance, invoice.amount_due, invoice.ending_balance) == (balance, due, ending)
    assert client.v1.customers.retrieve(customer.id).balance == ending
    assert invoice.status == ("open" if due else "paid")
    applied = [
        item.amount
        for item in client.v1.customers.balance_transactions.list(customer.id, {"invoice": invoice.id}).data
        if item.type == "applied_to_invoice"
    ]
    assert applied == ([ending - balance] if ending != balance else [])


def test_voiding_gives_back_what_the_invoice_took_from_the_balance(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer(balance=-300)
    invoice = books.open(1000, customer=customer.id)

    client.v1.invoices.void_invoice(invoice.id)

    assert client.v1.customers.retrieve(customer.id).balance == -300
    types = [item.type for item in client.v1.customers.balance_transactions.list(customer.id).data]
    assert types == ["unapplied_from_invoice", "applied_to_invoice", "adjustment"]


def test_a_draft_shows_the_balance_of_today(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer()
    draft = books.draft(1000, customer=customer.id)
    client.v1.customers.balance_transactions.create(customer.id, {"amount": -400, "currency": "usd"})

    shown = client.v1.invoices.retrieve(draft.id)

    assert (shown.starting_balance, shown.amount_due, shown.ending_balance) == (-400, 600, None)


def test_an_invoice_in_yen_counts_yen(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer(balance=-300, currency="jpy")

    invoice = books.paid(1000, customer=customer.id, currency="jpy")

    assert (invoice.currency, invoice.amount_paid) == ("jpy", 700)
    too_much = {"invoice": invoice.id, "amount": 1001, "credit_amount": 1001}
    with pytest.raises(stripe.InvalidRequestError, match=r"¥1,001.*¥1,000"):
        client.v1.credit_notes.create(too_much)


def test_pending_items_are_left_out_unless_asked_for(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer()
    item = client.v1.invoice_items.create({"customer": customer.id, "amount": 700, "currency": "usd"})

    without = client.v1.invoices.create({"customer": customer.id})
    included = client.v1.invoices.create({"customer": customer.id, "pending_invoice_items_behavior": "include"})

    assert (without.total, included.total) == (0, 700)
    assert client.v1.invoice_items.retrieve(item.id).invoice == included.id


def test_a_unit_price_is_rounded_once_and_half_up(client: stripe.StripeClient, books: Books) -> None:
    draft = books.draft()
    item = client.v1.invoice_items.create(
        {"customer": str(draft.customer), "invoice": draft.id, "unit_amount_decimal": Decimal("0.15"), "quantity": 10}
    )

    assert (item.amount, item.quantity) == (2, 10)
    assert client.v1.invoices.retrieve(draft.id).total == 2


def test_lines_are_changed_and_removed_while_the_invoice_is_a_draft(client: stripe.StripeClient, books: Books) -> None:
    draft = books.draft(1000, 500, 200)
    first, second, third = draft.lines.data

    client.v1.invoices.update_lines(draft.id, {"lines": [{"id": first.id, "amount": 900, "description": "corrected"}]})
    removed = [{"id": second.id, "behavior": "delete"}, {"id": third.id, "behavior": "unassign"}]
    after = client.v1.invoices.remove_lines(draft.id, {"lines": removed})

    assert [(line.amount, line.description) for line in after.lines.data] == [(900, "corrected")]
    assert after.total == 900
    pending = client.v1.invoice_items.list({"customer": str(draft.customer), "pending": True}).data
    assert [item.amount for item in pending] == [200]


def test_an_invoice_shows_ten_lines_and_lists_all(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(*range(1, 26))

    assert (len(invoice.lines.data), invoice.lines.has_more, invoice.total) == (10, True, 325)
    listed = list(client.v1.invoices.line_items.list(invoice.id, {"limit": 10}).auto_paging_iter())
    assert [line.amount for line in listed] == list(range(1, 26))


def test_a_revision_voids_the_invoice_it_replaces_when_it_is_finalised(
    client: stripe.StripeClient, books: Books
) -> None:
    original = books.open(1000, 500)

    draft = client.v1.invoices.create({"from_invoice": {"invoice": original.id, "action": "revision"}})
    revised = client.v1.invoices.finalize_invoice(draft.id)

    replaced = client.v1.invoices.retrieve(original.id)
    assert (revised.total, revised.status) == (1500, "open")
    assert (replaced.status, replaced.latest_revision) == ("void", revised.id)


def test_an_invoice_paid_outside_of_stripe_was_charged_to_nobody(client: stripe.StripeClient, books: Books) -> None:
    invoice = books.open(1000)

    paid = client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})

    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1000, 0)
    assert client.v1.charges.list({"customer": str(invoice.customer)}).data == []


def test_an_invoice_to_be_sent_needs_a_due_date(client: stripe.StripeClient, books: Books) -> None:
    customer = books.customer().id

    with pytest.raises(stripe.InvalidRequestError, match="days_until_due"):
        client.v1.invoices.create({"customer": customer, "collection_method": "send_invoice"})


# An example makes an invoice over HTTP; all of them share one account.
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    balance=st.integers(-5000, 5000),
    amounts=st.lists(st.integers(-3000, 5000), min_size=1, max_size=5),
    credits=st.lists(st.integers(1, 4000), max_size=3),
)
def test_no_money_appears_or_vanishes(
    client: stripe.StripeClient, books: Books, balance: int, amounts: list[int], credits: list[int]
) -> None:
    customer = books.customer(balance=balance).id
    invoice = books.open(*amounts, customer=customer)
    credited = 0
    for amount in credits:
        now = client.v1.invoices.retrieve(invoice.id)
        back = max(0, amount - now.amount_remaining)
        if credited + amount <= invoice.total:
            note = {"invoice": invoice.id, "amount": amount, "credit_amount": back}
            client.v1.credit_notes.create(note)
            credited += amount

    after = client.v1.invoices.retrieve(invoice.id)
    held = client.v1.customers.retrieve(customer).balance or 0

    # What the customer owed and was billed equals what it still owes, in the balance and on the invoice, and was credited.
    assert balance + sum(amounts) == held + after.amount_remaining + after.amount_paid + credited
    entries = client.v1.customers.balance_transactions.list(customer, {"limit": 100}).data
    assert sum(entry.amount for entry in entries) == held


def test_an_invoice_holds_250_items_and_a_call_that_brings_more_adds_none(
    books: Books, client: stripe.StripeClient
) -> None:
    draft = books.draft(*range(1, 250))

    with pytest.raises(stripe.InvalidRequestError, match="at most 250"):
        client.v1.invoices.add_lines(draft.id, {"lines": [{"amount": 1}, {"amount": 2}]})
    client.v1.invoices.add_lines(draft.id, {"lines": [{"amount": 250}]})

    assert client.v1.invoices.retrieve(draft.id).total == 250 * 251 // 2
