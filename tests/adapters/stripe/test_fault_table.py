"""Every fault of Stripe, on every kind of credit and change, on the first try, the second and both: it happens once."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from activities.effects import Sender
from billing.corrections import CreditRequest, Destination
from billing.effects import EffectState
from billing.failures import BillingFailure, FailureCode
from billing.invoice_corrections import Deed, StatusChange
from billing.policy.credits import Payback
from sandbox.stripe.faults import FaultKind
from tests.adapters.stripe.attempts import FAULTS, Attempts, ProcessDiedError, patience
from tests.adapters.stripe.books import BALANCE_TRANSACTIONS, CREDIT_NOTES, RealBooks
from tests.adapters.stripe.samples import a_change, a_changing_effect, a_request, an_effect
from tests.fixtures.stripe_simulator import StripeSimulator


class Way(NamedTuple):
    """One way of giving money back: its destination, whether the invoice is paid, what it calls, where paid money goes."""

    destination: Destination
    paid: bool
    path: str
    payback: Payback = Payback.BALANCE

    def request(self, minor: int = 25_00, currency: str = "USD") -> CreditRequest:
        return a_request(minor, self.destination, currency=currency, payback=self.payback)


CREDITS = {
    "note on an unpaid invoice": Way(Destination.CREDIT_NOTE, False, CREDIT_NOTES),
    "note on a paid invoice": Way(Destination.CREDIT_NOTE, True, CREDIT_NOTES),
    "refund of a paid invoice": Way(Destination.CREDIT_NOTE, True, CREDIT_NOTES, Payback.REFUND),
    "balance": Way(Destination.NEXT_INVOICE, False, BALANCE_TRANSACTIONS),
}
CHANGES = {
    Deed.VOID: ("/v1/invoices/*/void", "void"),
    Deed.WRITE_OFF: ("/v1/invoices/*/mark_uncollectible", "uncollectible"),
}

each_fault = pytest.mark.parametrize("fault", FAULTS)
on_each_try = pytest.mark.parametrize("on", [(1,), (2,), (1, 2)], ids=["first try", "second try", "both tries"])


def attempts_at(books: RealBooks, request: CreditRequest, deaths: int = 0) -> Attempts:
    """One credit being brought about."""
    sender = Sender(plan=lambda _: books.plan(request), send=books.provider.send, find=books.provider.find)
    return Attempts(books.control, an_effect(request), sender, deaths)


def changing_at(books: RealBooks, change: StatusChange, deaths: int = 0) -> Attempts:
    """One void or write-off being brought about."""
    sender = Sender(
        plan=lambda _: books.provider.plan_change(change, books.invoice),
        send=books.provider.send,
        find=books.provider.find,
    )
    return Attempts(books.control, a_changing_effect(change), sender, deaths)


def test_the_table_knows_every_fault_of_the_simulator() -> None:
    kinds = {kind for kind, _ in FAULTS.values()}

    # A bank that takes its time is met by charges only: see test_collector_contract.
    assert kinds == set(FaultKind) - {FaultKind.PROCESSING}


@on_each_try
@each_fault
@pytest.mark.parametrize("credit", CREDITS)
def test_every_fault_leaves_one_credit_or_a_clear_no(
    stripe_simulator: StripeSimulator, credit: str, fault: str, on: tuple[int, ...]
) -> None:
    way = CREDITS[credit]
    kind, details = FAULTS[fault]
    books = RealBooks(stripe_simulator, paid=way.paid, timeout=patience(kind))
    attempts = attempts_at(books, way.request(), deaths=1 if on == (2,) else 0)
    stripe_simulator.control.fault(kind, way.path, attempts=on, **details)

    settled = attempts.until_settled()

    refused = kind is FaultKind.DECLINE and 1 in on
    assert books.credited() == ([] if refused else [(attempts.effect.op_key, 25_00)])
    assert attempts.state is (EffectState.REFUSED if refused else EffectState.CONFIRMED)
    assert isinstance(settled, FailureCode) is refused
    assert attempts.until_settled() == settled
    assert books.refunded() == (25_00 if way.payback is Payback.REFUND and not refused else 0)


@on_each_try
@each_fault
@pytest.mark.parametrize("deed", CHANGES)
def test_every_fault_leaves_an_invoice_changed_once_or_a_clear_no(
    stripe_simulator: StripeSimulator, deed: Deed, fault: str, on: tuple[int, ...]
) -> None:
    path, status = CHANGES[deed]
    kind, details = FAULTS[fault]
    books = RealBooks(stripe_simulator, timeout=patience(kind))
    attempts = changing_at(books, a_change(deed), deaths=1 if on == (2,) else 0)
    stripe_simulator.control.fault(kind, path, attempts=on, **details)

    settled = attempts.until_settled()

    refused = kind is FaultKind.DECLINE and 1 in on
    assert books.provider.standing(books.invoice).status == ("open" if refused else status)
    assert attempts.state is (EffectState.REFUSED if refused else EffectState.CONFIRMED)
    assert isinstance(settled, FailureCode) is refused
    assert attempts.until_settled() == settled


@pytest.mark.parametrize("credit", CREDITS)
@pytest.mark.parametrize(
    "fault", ["500 before the commit", "500 before the commit, stored", "answer lost after the commit"]
)
@pytest.mark.parametrize("hours", [22.9, 23.5, 25])
def test_when_the_key_is_forgotten_the_credit_is_looked_up(
    stripe_simulator: StripeSimulator, credit: str, fault: str, hours: float
) -> None:
    way = CREDITS[credit]
    books = RealBooks(stripe_simulator, paid=way.paid)
    attempts = attempts_at(books, way.request())
    kind, details = FAULTS[fault]
    stripe_simulator.control.fault(kind, way.path, attempts=(1,), **details)

    with pytest.raises(BillingFailure):
        attempts.once()
    attempts.hours_pass(hours)
    attempts.until_settled()

    assert books.credited() == [(attempts.effect.op_key, 25_00)]
    assert attempts.state is EffectState.CONFIRMED


@pytest.mark.parametrize("credit", CREDITS)
def test_a_crash_followed_by_a_long_night_credits_once(stripe_simulator: StripeSimulator, credit: str) -> None:
    way = CREDITS[credit]
    books = RealBooks(stripe_simulator, paid=way.paid)
    attempts = attempts_at(books, way.request(), deaths=1)

    with pytest.raises(ProcessDiedError):
        attempts.once()
    attempts.hours_pass(30)
    attempts.until_settled()

    assert books.credited() == [(attempts.effect.op_key, 25_00)]


def test_a_request_still_under_way_is_neither_sent_twice_nor_given_up(stripe_simulator: StripeSimulator) -> None:
    books = RealBooks(stripe_simulator, timeout=1.0)
    attempts = attempts_at(books, a_request(25_00, Destination.CREDIT_NOTE))
    stripe_simulator.control.fault(FaultKind.PAUSE, CREDIT_NOTES, attempts=(1,), committed=False)

    codes = []
    for _ in range(2):
        with pytest.raises(BillingFailure) as failure:
            attempts.once()
        codes.append(failure.value.code)
    attempts.until_settled()

    assert codes == [FailureCode.OUTCOME_UNKNOWN, FailureCode.PROVIDER_BUSY]
    assert books.credited() == [(attempts.effect.op_key, 25_00)]


def test_an_invoice_paid_meanwhile_is_credited_to_the_balance_instead(stripe_simulator: StripeSimulator) -> None:
    books = RealBooks(stripe_simulator)
    attempts = attempts_at(books, a_request(25_00, Destination.CREDIT_NOTE))
    stripe_simulator.control.fault(FaultKind.RATE_LIMIT, CREDIT_NOTES, attempts=(1,))

    with pytest.raises(BillingFailure):
        attempts.once()
    books.client.v1.invoices.pay(str(books.invoice.provider_invoice_id))
    attempts.until_settled()

    assert books.credited() == [(attempts.effect.op_key, 25_00)]
    customer = books.client.v1.customers.retrieve(str(books.tenant.provider_customer_id))
    assert customer.balance == -25_00


def test_more_than_the_invoice_holds_is_refused_for_good(stripe_simulator: StripeSimulator) -> None:
    books = RealBooks(stripe_simulator)
    attempts = attempts_at(books, a_request(100_01, Destination.CREDIT_NOTE))

    settled = attempts.until_settled()

    assert settled is FailureCode.PROVIDER_REFUSED
    assert books.credited() == []


@pytest.mark.parametrize("currency", ["JPY", "EUR"])
@pytest.mark.parametrize("credit", CREDITS)
def test_a_credit_has_the_same_number_in_every_currency(
    stripe_simulator: StripeSimulator, credit: str, currency: str
) -> None:
    way = CREDITS[credit]
    books = RealBooks(stripe_simulator, paid=way.paid, currency=currency)
    attempts = attempts_at(books, way.request(2_500, currency))

    attempts.until_settled()

    customer = books.client.v1.customers.retrieve(str(books.tenant.provider_customer_id))
    invoice = books.client.v1.invoices.retrieve(str(books.invoice.provider_invoice_id))
    on_the_invoice = way.destination is Destination.CREDIT_NOTE and not way.paid
    refunded = way.payback is Payback.REFUND
    assert customer.balance == (0 if on_the_invoice or refunded else -2_500)
    assert books.refunded() == (2_500 if refunded else 0)
    assert invoice.amount_remaining == (0 if way.paid else 7_500 if on_the_invoice else 10_000)
