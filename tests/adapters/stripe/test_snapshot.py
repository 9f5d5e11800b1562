"""The provider's invoices as a reconciliation reads them: all of the period, in pages, going on behind a cursor."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from activities.reconciliation_ports import InvoicePage
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.reconciliation import Theirs
from sandbox.stripe.faults import FaultKind
from tests.adapters.stripe.documents import PERIOD, AtStripe
from tests.fixtures.stripe_simulator import StripeSimulator


@pytest.fixture
def account(stripe_simulator: StripeSimulator) -> AtStripe:
    return AtStripe(stripe_simulator)


def read(account: AtStripe, after: str | None = None) -> list[Theirs]:
    return [one for page in account.invoices.pages(PERIOD, after) for one in page.invoices]


def foreign(account: AtStripe, **metadata: str) -> str:
    """A draft that we did not push."""
    draft: dict[str, Any] = {"customer": account.customer, "currency": "jpy", "metadata": metadata}
    return account.client.v1.invoices.create(draft).id


def test_a_pushed_document_is_read_as_it_stands(account: AtStripe) -> None:
    answer = account.pushing(account.document(5_00, 7)).once()

    [invoice] = read(account)

    assert invoice == Theirs(
        provider_invoice_id=answer.provider_id,
        provider_customer_id=account.customer,
        op_key=f"month-end/{PERIOD}/invoice/acme",
        number="INV-2026-acme",
        status=InvoiceStatus.OPEN,
        currency="USD",
        total_minor=5_07,
        due_minor=5_07,
        credited_minor=0,
        created_at=invoice.created_at,
    )
    assert abs((datetime.now(UTC) - invoice.created_at).total_seconds()) < 60


def test_credit_notes_before_and_after_the_payment_are_summed(account: AtStripe) -> None:
    invoice = account.pushing(account.document(50_00)).once().provider_id
    notes = account.client.v1.credit_notes
    notes.create({"invoice": invoice, "amount": 10_00})
    account.client.v1.invoices.pay(invoice, {"paid_out_of_band": True})
    notes.create({"invoice": invoice, "amount": 5_00, "out_of_band_amount": 5_00})

    [read_back] = read(account)

    assert (read_back.total_minor, read_back.credited_minor, read_back.net_minor) == (50_00, 15_00, 35_00)
    assert read_back.status is InvoiceStatus.PAID


def test_what_carries_another_period_is_left_out_and_what_carries_none_is_not(account: AtStripe) -> None:
    account.pushing(account.document(5_00)).once()
    other = foreign(account, op_key="month-end/2026-09/invoice/acme")
    named = foreign(account, period="2026-09")
    ours, anybodys = foreign(account, period=PERIOD), foreign(account)

    found = {one.provider_invoice_id for one in read(account)}

    assert {ours, anybodys} < found
    assert not {other, named} & found
    assert len(found) == 3


def test_a_reading_goes_on_behind_its_cursor_and_misses_nothing(account: AtStripe) -> None:
    made = [foreign(account, period=PERIOD) for _ in range(120)]

    first = next(account.invoices.pages(PERIOD, None))
    rest = read(account, after=first.cursor)

    assert (first.held, first.cursor) == (100, first.invoices[-1].provider_invoice_id)
    names = [one.provider_invoice_id for one in (*first.invoices, *rest)]
    assert sorted(names) == sorted(made)


def test_a_page_counts_what_it_held_whoever_it_belongs_to(account: AtStripe) -> None:
    for _ in range(3):
        foreign(account, period="2026-09")

    [page] = account.invoices.pages(PERIOD, None)

    assert page == InvoicePage(invoices=(), held=3, cursor=page.cursor)


def test_an_empty_account_has_no_page(account: AtStripe) -> None:
    assert list(account.invoices.pages(PERIOD, None)) == []


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.RATE_LIMIT, FailureCode.PROVIDER_BUSY),
        (FaultKind.LOST_ANSWER, FailureCode.PROVIDER_BUSY),
        (FaultKind.ERROR_BEFORE_COMMIT, FailureCode.PROVIDER_BUSY),
    ],
)
def test_a_page_that_cannot_be_read_now_is_read_later(account: AtStripe, kind: FaultKind, code: FailureCode) -> None:
    foreign(account)
    account.control.fault(kind, "/v1/invoices", method="GET", attempts=(1,))

    with pytest.raises(BillingFailure) as failure:
        read(account)

    assert failure.value.code is code
    assert len(read(account)) == 1
