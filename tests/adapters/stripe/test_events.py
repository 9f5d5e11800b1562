"""What Stripe's events are about, read from those that the simulator really sends; and the list of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.provider_events_ports import EventSource
from adapters.stripe.event_types import ACTED_ON
from adapters.stripe.events import StripeEvents, subject_of
from billing.failures import BillingFailure
from billing.provider_events import ArrivedEvent, NewsKind
from tests.adapters.stripe.tills import StripeTill
from tests.fakes.events import EventfulStripe, about_invoice, sent
from tests.fixtures.stripe_simulator import API_KEY, StripeSimulator
from tests.sandbox.stripe.builders import VISA, Books

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=20)


@pytest.fixture
def books(stripe_simulator: StripeSimulator) -> Books:
    return Books(stripe_simulator.client())


@pytest.fixture
def source(stripe_simulator: StripeSimulator) -> StripeEvents:
    return StripeEvents(API_KEY, stripe_simulator.url)


def listed(source: EventSource, since: datetime = LONG_AGO) -> list[ArrivedEvent]:
    return [event for page in source.since(since) for event in page]


def test_every_event_that_the_simulator_sends_of_our_types_says_what_it_is_about(
    stripe_simulator: StripeSimulator, books: Books, source: StripeEvents
) -> None:
    client = stripe_simulator.client()
    paid = books.paid(1000)
    charge = books.charge_of(paid)
    client.v1.refunds.create({"charge": charge.id, "amount": 100})
    stripe_simulator.control.dispute(charge.id)
    client.v1.invoices.void_invoice(books.open(500).id)
    owed = books.open(700)
    client.v1.credit_notes.create({"invoice": owed.id, "amount": 100, "email_type": "none"})
    client.v1.invoices.mark_uncollectible(owed.id)

    subjects = {event.type: subject_of(event) for event in listed(source)}

    assert set(subjects) == {
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "invoice.voided",
        "invoice.marked_uncollectible",
        "credit_note.created",
        "payment_method.attached",
        "charge.refunded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "customer.updated",
    }
    for event_type, subject in subjects.items():
        assert subject is not None
        assert subject.kind is ACTED_ON[event_type]
        assert subject.customer or subject.payment or subject.provider_invoice
    refund, voided = subjects["charge.refunded"], subjects["invoice.voided"]
    assert refund is not None and voided is not None
    assert source.invoices_paid_by(refund.payment or "") == (paid.id,)
    assert voided.provider_invoice is not None


def test_what_goes_back_of_a_debt_that_was_collected_again_is_about_its_invoice(
    stripe_simulator: StripeSimulator, source: StripeEvents
) -> None:
    till = StripeTill(stripe_simulator)
    till.tries(1)
    till.refunds(40_00)
    till.tries(2)
    till.refunds(10_00)

    refunds = [subject_of(event) for event in listed(source) if event.type == "charge.refunded"]

    about = {source.invoices_paid_by(one.payment or "") for one in refunds if one}
    assert len({one.payment for one in refunds if one}) == 2
    assert about == {(till.provider_invoice_id,)}


@pytest.mark.parametrize(("event_type", "kind"), ACTED_ON.items())
def test_each_type_that_we_act_on_leads_to_an_invoice_or_a_customer(event_type: str, kind: NewsKind) -> None:
    about: dict[str, Any] = about_invoice(event_type, "in_1", "acme")
    if kind is NewsKind.PAYMENT_METHOD:
        about = {"object": "payment_method", "id": "pm_1", "customer": "cus_acme"}
    if kind is NewsKind.CUSTOMER:
        about = {"object": "customer", "id": "cus_acme"}

    subject = subject_of(sent("evt_1", event_type, about, NOW))

    assert subject is not None
    assert subject.kind is kind
    assert (subject.provider_invoice, subject.payment, subject.customer) != (None, None, None)


def test_news_of_a_payment_method_names_it() -> None:
    about = {"object": "payment_method", "id": "pm_1", "customer": "cus_acme"}

    subject = subject_of(sent("evt_1", "payment_method.attached", about, NOW))

    assert subject is not None and subject.payment_method == "pm_1"


def test_a_customer_who_chooses_another_card_tells_which_and_any_other_change_names_none(
    stripe_simulator: StripeSimulator, books: Books, source: StripeEvents
) -> None:
    client = stripe_simulator.client()
    customer = books.customer()
    other = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    client.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": other.id}})
    client.v1.customers.update(customer.id, {"name": "Acme"})
    client.v1.customers.update(customer.id, {"invoice_settings": {"footer": "Thank you"}})

    changes = [subject_of(event) for event in listed(source) if event.type == "customer.updated"]

    assert [one.payment_method for one in changes if one][:3] == [None, None, other.id]


def test_a_type_that_we_do_not_know_is_about_nothing() -> None:
    assert subject_of(sent("evt_1", "radar.early_fraud_warning.created", {"object": "warning"}, NOW)) is None


def test_the_sweep_asks_for_no_more_types_than_stripe_lists_at_once() -> None:
    assert len(ACTED_ON) <= 20


@pytest.mark.parametrize(
    "raw",
    ["{", "[]", "{}", '{"data": null}', '{"data": {"object": []}}', '{"data": {"object": {"object": "planet"}}}'],
)
def test_an_event_that_cannot_be_read_says_so_for_good(raw: str) -> None:
    event = ArrivedEvent(event_id="evt_1", type="invoice.paid", occurred_at=NOW, raw=raw)

    with pytest.raises(BillingFailure, match=r"invoice\.paid cannot be read") as failure:
        subject_of(event)

    assert failure.value.final


def test_an_invoice_of_ours_is_known_by_its_mark() -> None:
    marked = about_invoice("invoice.paid", "in_1", "acme") | {"metadata": {"op_key": "month-end/2026-10/invoice/acme"}}

    ours, theirs = (
        subject_of(sent("evt_1", "invoice.paid", about, NOW))
        for about in (marked, about_invoice("invoice.paid", "in_2", "acme"))
    )

    assert ours is not None and theirs is not None
    assert (ours.marked_ours, theirs.marked_ours) == (True, False)


# -- the port, on Stripe's adapter and on the fake -------------------------------------------------------------------------


class Happenings:
    """Something happens at a provider, whichever it is; `source` is what is asked."""

    def __init__(self, source: EventSource, attach: Callable[[], None], pay: Callable[[], tuple[str, str]]) -> None:
        self.source, self.attach, self.pay = source, attach, pay


@pytest.fixture(params=["real", "fake"])
def provider(request: pytest.FixtureRequest) -> Happenings:
    if request.param == "fake":
        fake = EventfulStripe(now=lambda: NOW)

        def pay_fake() -> tuple[str, str]:
            stands = fake.bills("acme", "inv-1", "in_1")
            fake.tells_of_invoice("invoice.paid", stands)
            return "pi_in_1", "in_1"

        method = {"object": "payment_method", "customer": "cus_acme"}
        return Happenings(fake, lambda: void(fake.tells("payment_method.attached", method)), pay_fake)
    simulator: StripeSimulator = request.getfixturevalue("stripe_simulator")
    client, books = simulator.client(), Books(simulator.client())
    customer = books.customer().id

    def pay_real() -> tuple[str, str]:
        invoice = books.paid(1000, customer=customer)
        payment = client.v1.invoice_payments.list({"invoice": invoice.id}).data[0].payment.payment_intent
        return str(payment), str(invoice.id)

    def attach() -> None:
        client.v1.payment_methods.attach(VISA, {"customer": customer})

    return Happenings(StripeEvents(API_KEY, simulator.url), attach, pay_real)


def void(_: object) -> None:
    """Nobody needs what came back."""


def test_every_event_since_a_moment_is_listed_once_as_it_was_sent(provider: Happenings) -> None:
    for _ in range(105):
        provider.attach()

    events = [one for one in listed(provider.source) if one.type == "payment_method.attached"]

    assert len({one.event_id for one in events}) == len(events) >= 105
    assert all(json.loads(one.raw)["id"] == one.event_id for one in events)
    assert listed(provider.source, since=datetime.now(UTC) + timedelta(hours=1)) == []


def test_a_payment_leads_to_the_invoice_that_it_paid(provider: Happenings) -> None:
    payment, invoice = provider.pay()

    assert provider.source.invoices_paid_by(payment) == (invoice,)
    assert provider.source.invoices_paid_by("pi_nobody_made") == ()
