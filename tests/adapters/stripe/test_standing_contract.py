"""What every payment provider tells of one invoice and may change of it, asked of Stripe's adapter and of the fake."""

from __future__ import annotations

import pytest

from billing.corrections import Destination
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import Deed, InvoiceStanding
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.policy.credits import Payback
from tests.adapters.stripe.books import TOTAL, Books, FakeBooks, RealBooks
from tests.adapters.stripe.samples import a_change, a_request, an_invoice
from tests.fixtures.stripe_simulator import StripeSimulator

KEY = "acme/2026-11-21/correction/INV-2026-000123/k-0a1b2c3d/1/g1"


@pytest.fixture(params=["real", "fake"])
def books(request: pytest.FixtureRequest) -> Books:
    if request.param == "fake":
        return FakeBooks()
    return RealBooks(request.getfixturevalue("stripe_simulator"))


def standing(status: InvoiceStatus, **minor: int) -> InvoiceStanding:
    """The invoice of 100.00; what is not named is zero."""
    amounts = {
        "total": TOTAL,
        "paid": 0,
        "remaining": 0,
        "credited": 0,
        "refunded": 0,
        "creditable": 0,
        "refundable": 0,
    }
    money = {name: Money(minor=value, currency="USD") for name, value in (amounts | minor).items()}
    return InvoiceStanding(status=status, **money)


def credit(books: Books, minor: int, payback: Payback = Payback.BALANCE) -> None:
    wire = books.plan(a_request(minor, Destination.CREDIT_NOTE, payback=payback))
    books.provider.send(wire, f"{KEY}/{minor}")


def test_an_invoice_nobody_has_paid_is_all_due(books: Books) -> None:
    now = books.provider.standing(books.invoice)

    assert now == standing(InvoiceStatus.OPEN, remaining=TOTAL, creditable=TOTAL)


def test_a_note_on_an_open_invoice_lowers_what_is_due(books: Books) -> None:
    credit(books, 30_00)

    now = books.provider.standing(books.invoice)

    assert now == standing(InvoiceStatus.OPEN, remaining=70_00, credited=30_00, creditable=70_00)


def test_a_note_over_all_that_is_due_settles_the_invoice(books: Books) -> None:
    credit(books, TOTAL)

    now = books.provider.standing(books.invoice)

    assert now == standing(InvoiceStatus.PAID, credited=TOTAL)


@pytest.mark.parametrize(("payback", "refunded"), [(Payback.BALANCE, 0), (Payback.REFUND, 30_00)])
def test_a_note_on_a_paid_invoice_gives_back_the_way_that_was_asked(
    books: Books, payback: Payback, refunded: int
) -> None:
    books.pay()
    credit(books, 30_00, payback)

    now = books.provider.standing(books.invoice)

    assert now == standing(
        InvoiceStatus.PAID,
        paid=TOTAL,
        credited=30_00,
        creditable=70_00,
        refunded=refunded,
        refundable=TOTAL - refunded,
    )


@pytest.mark.parametrize(
    ("deed", "status"), [(Deed.VOID, InvoiceStatus.VOID), (Deed.WRITE_OFF, InvoiceStatus.UNCOLLECTIBLE)]
)
def test_a_change_shows_in_the_status_and_is_found_by_it(books: Books, deed: Deed, status: InvoiceStatus) -> None:
    wire = books.provider.plan_change(a_change(deed), books.invoice)
    before = books.provider.find(wire, a_change(deed).op_key)

    answers = [books.provider.send(wire, KEY) for _ in range(2)]

    found = books.provider.find(wire, a_change(deed).op_key)
    assert before is None
    assert found is not None
    assert {answer.provider_id for answer in (*answers, found)} == {books.invoice.provider_invoice_id}
    assert books.provider.standing(books.invoice).status is status


def test_a_document_that_never_reached_the_provider_has_no_standing(books: Books) -> None:
    with pytest.raises(BillingFailure, match="has no provider_invoice_id") as refused:
        books.provider.standing(an_invoice(at_provider=None))

    assert refused.value.code is FailureCode.INVALID


def test_what_was_refunded_beside_us_cannot_be_credited_again(stripe_simulator: StripeSimulator) -> None:
    books = RealBooks(stripe_simulator, paid=True)
    (charge,) = books.client.v1.charges.list({"customer": str(books.tenant.provider_customer_id)}).data
    books.client.v1.refunds.create({"charge": charge.id, "amount": 30_00})

    now = books.provider.standing(books.invoice)

    assert now == standing(InvoiceStatus.PAID, paid=TOTAL, creditable=70_00, refunded=30_00, refundable=70_00)


def test_what_was_paid_past_the_provider_cannot_go_back_to_a_card(stripe_simulator: StripeSimulator) -> None:
    books = RealBooks(stripe_simulator)
    books.client.v1.invoices.pay(str(books.invoice.provider_invoice_id), {"paid_out_of_band": True})

    now = books.provider.standing(books.invoice)

    assert now == standing(InvoiceStatus.PAID, paid=TOTAL, creditable=TOTAL)


def test_a_void_gives_the_customer_the_applied_balance_back(stripe_simulator: StripeSimulator) -> None:
    books = RealBooks(stripe_simulator)
    customer = str(books.tenant.provider_customer_id)
    books.client.v1.customers.balance_transactions.create(customer, {"amount": -10_00, "currency": "usd"})
    draft = books.client.v1.invoices.create({"customer": customer, "currency": "usd"})
    books.client.v1.invoice_items.create(
        {"customer": customer, "invoice": draft.id, "amount": 30_00, "currency": "usd"}
    )
    books.client.v1.invoices.finalize_invoice(draft.id)
    document = an_invoice(draft.id, 30_00)

    due = books.provider.standing(document).remaining
    books.provider.send(books.provider.plan_change(a_change(Deed.VOID), document), KEY)

    assert due == Money(minor=20_00, currency="USD")
    assert books.client.v1.customers.retrieve(customer).balance == -10_00
