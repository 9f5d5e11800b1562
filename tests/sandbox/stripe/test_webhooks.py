"""Webhooks of the simulator: signed, at least once, repeated at growing intervals until taken or given up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
import stripe

from sandbox.stripe.contract.checks import event_violations
from sandbox.stripe.webhooks import RETRY_AFTER_SECONDS
from tests.fixtures.stripe_simulator import StripeSimulator
from tests.sandbox.stripe.builders import Books
from tests.sandbox.stripe.receivers import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def endpoint(client: stripe.StripeClient, receiver: Receiver) -> stripe.WebhookEndpoint:
    """An endpoint that hears of paid invoices and of customers."""
    events = ["invoice.paid", "customer.created"]
    return client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": events})


def types(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for body, _ in receiver.got]


def test_an_event_arrives_signed_for_whoever_asked_for_its_type(
    stripe_simulator: StripeSimulator,
    books: Books,
    receiver: Receiver,
    endpoint: stripe.WebhookEndpoint,
) -> None:
    invoice = books.paid(1000)

    stripe_simulator.control.advance()

    assert sorted(types(receiver)) == ["customer.created", "invoice.paid"]
    for body, header in receiver.got:
        event = stripe.Webhook.construct_event(body, header, endpoint.secret)
        assert event_violations(json.loads(body)) == []
        assert event.type != "invoice.paid" or event.data.object["id"] == invoice.id


def test_the_signature_fits_one_secret_and_one_body_only(
    stripe_simulator: StripeSimulator, books: Books, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    books.customer(card=None)
    stripe_simulator.control.advance()
    body, header = receiver.got[0]

    for forged, secret in ((body, "whsec_guess"), (body.replace(b"Northwind", b"Southwind"), endpoint.secret)):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(forged, header, secret)


def test_the_signature_carries_real_time_even_when_the_clock_is_turned(
    stripe_simulator: StripeSimulator, books: Books, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    stripe_simulator.control.advance(hours=30)

    books.customer(card=None)
    stripe_simulator.control.advance()

    signed_at = int(receiver.got[0][1].split(",")[0].removeprefix("t="))
    assert abs(signed_at - time.time()) < 300


def test_a_refused_event_comes_again_at_growing_intervals_until_it_is_taken(
    stripe_simulator: StripeSimulator,
    client: stripe.StripeClient,
    books: Books,
    receiver: Receiver,
    endpoint: stripe.WebhookEndpoint,
) -> None:
    receiver.statuses = [500, 503, 302, 200]
    books.customer(card=None)

    stripe_simulator.control.advance(hours=1)

    delivery = stripe_simulator.control.deliveries()[0]
    moments = [attempt["at"] for attempt in delivery.attempts]
    waits = [later - earlier for earlier, later in pairwise(moments)]
    assert delivery.state == "delivered"
    assert [attempt["status"] for attempt in delivery.attempts] == [500, 503, 302, 200]
    assert waits == pytest.approx(list(RETRY_AFTER_SECONDS[:3]), abs=2)
    assert client.v1.events.list({"type": "customer.created"}).data[0].pending_webhooks == 0


def test_a_receiver_that_is_down_for_days_is_given_up_and_the_events_can_still_be_listed(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    with receiving() as gone:
        client.v1.webhook_endpoints.create({"url": gone.url, "enabled_events": ["customer.created"]})
    books.customer(card=None)

    stripe_simulator.control.advance(hours=24 * 4)

    delivery = stripe_simulator.control.deliveries()[0]
    assert (delivery.state, len(delivery.attempts)) == ("given_up", len(RETRY_AFTER_SECONDS) + 1)
    assert {attempt["problem"] for attempt in delivery.attempts} == {"ConnectError"}
    missed = client.v1.events.list({"delivery_success": False, "type": "customer.created"}).data
    assert [event.id for event in missed] == [delivery.event]


def test_an_event_can_arrive_twice(
    stripe_simulator: StripeSimulator, books: Books, receiver: Receiver, endpoint: stripe.WebhookEndpoint
) -> None:
    books.customer(card=None)
    stripe_simulator.control.advance()

    stripe_simulator.control.deliver_again(json.loads(receiver.got[0][0])["id"])
    stripe_simulator.control.advance()

    ids = {json.loads(body)["id"] for body, _ in receiver.got}
    assert (len(receiver.got), len(ids)) == (2, 1)


def test_nothing_is_sent_about_a_request_that_was_refused(
    stripe_simulator: StripeSimulator,
    client: stripe.StripeClient,
    books: Books,
    receiver: Receiver,
    endpoint: stripe.WebhookEndpoint,
) -> None:
    invoice = books.draft(1000).id
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.pay(invoice)

    stripe_simulator.control.advance()

    assert types(receiver) == ["customer.created"]


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_an_endpoint_that_is_no_more_gets_no_more(
    stripe_simulator: StripeSimulator,
    client: stripe.StripeClient,
    books: Books,
    receiver: Receiver,
    endpoint: stripe.WebhookEndpoint,
    how: str,
) -> None:
    receiver.statuses = [500]
    books.customer(card=None)
    stripe_simulator.control.advance()

    if how == "disabled":
        client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    else:
        client.v1.webhook_endpoints.delete(endpoint.id)
    stripe_simulator.control.advance(hours=24)

    assert len(receiver.got) == 1
    assert [delivery.state for delivery in stripe_simulator.control.deliveries()] == ["canceled"]


def test_the_signing_secret_is_told_once(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, endpoint: stripe.WebhookEndpoint
) -> None:
    shown = client.v1.webhook_endpoints.retrieve(endpoint.id)

    assert endpoint.secret.startswith("whsec_")
    assert "secret" not in shown
    assert endpoint.secret not in str(stripe_simulator.control.state())


def test_events_are_kept_for_thirty_days(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books
) -> None:
    books.customer(card=None)
    event = client.v1.events.list().data[0].id

    stripe_simulator.control.advance(hours=31 * 24)

    assert client.v1.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        client.v1.events.retrieve(event)


def test_an_endpoint_can_choose_its_own_secret_and_is_there_once_however_often_it_says_so(
    stripe_simulator: StripeSimulator, client: stripe.StripeClient, books: Books, receiver: Receiver
) -> None:
    for secret in ("whsec_first", "whsec_second"):
        stripe_simulator.control.tell(receiver.url, ["customer.created"], secret)
    books.customer(card=None)

    stripe_simulator.control.advance()

    [(body, header)] = receiver.got
    assert stripe.Webhook.construct_event(body, header, "whsec_second").type == "customer.created"
    assert len(client.v1.webhook_endpoints.list().data) == 1
