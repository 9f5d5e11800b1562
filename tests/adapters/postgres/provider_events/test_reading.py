"""Events as they are kept, once each, and what is read because of them."""

from __future__ import annotations

from typing import Any

import pytest

from billing.invoices import InvoiceStatus
from billing.provider_events import EventState, NewsKind
from tests.adapters.postgres.provider_events.feed import HOUR, MINUTE, MORNING, PAYMENT_METHOD, Feed
from tests.fakes.events import sent


def test_an_event_that_comes_three_times_is_kept_once_as_it_first_came(feed: Feed) -> None:
    event = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("acme"))

    first, again = feed.hears(event, event), feed.hears(event.model_copy(update={"raw": "{}"}))

    assert (first, again) == ((event.event_id,), ())
    found = feed.book.find(event.event_id)
    assert found is not None and found[1] == event


def test_json_that_postgres_would_refuse_is_kept_all_the_same(feed: Feed) -> None:
    event = sent("evt_1", "invoice.paid", {"object": "invoice", "id": "in_\x00"}, MORNING)

    feed.hears(event)

    assert "\\u0000" in event.raw
    assert feed.turn().outcomes[0].state is EventState.IGNORED


def test_one_reading_is_enough_for_all_that_happened_to_an_invoice(feed: Feed) -> None:
    acme = feed.invoice("acme")
    events = [feed.stripe.tells_of_invoice("invoice.payment_failed", acme, overdue_since=MORNING) for _ in range(5)]
    events.append(feed.stripe.tells_of_invoice("invoice.paid", acme, status=InvoiceStatus.PAID, remaining=0))

    feed.hears(*events[::-1])
    batch = feed.turn()

    assert feed.stripe.readings == 1
    assert [(one.tenant_id, one.invoice_id) for one in batch.news] == [("acme", "inv-2026-10-acme")]
    assert batch.owing == ()
    assert {feed.line(event).state for event in events} == {EventState.PROCESSED}
    assert feed.turn().rest is not None


def test_a_case_is_begun_only_for_those_who_owe(feed: Feed) -> None:
    failed = feed.stripe.tells_of_invoice("invoice.payment_failed", feed.invoice("acme"), overdue_since=MORNING)
    finalised = feed.stripe.tells_of_invoice("invoice.finalized", feed.invoice("bolt"))

    feed.hears(failed, finalised)
    batch = feed.turn()

    assert {one.tenant_id for one in batch.news} == {"acme", "bolt"}
    assert batch.owing == ("acme",)


def test_a_new_payment_method_is_news_of_the_customer_and_of_no_invoice(feed: Feed) -> None:
    feed.hears(feed.stripe.tells("payment_method.attached", PAYMENT_METHOD))

    [news] = feed.turn().news

    assert (news.kind, news.tenant_id, news.invoice_id) == (NewsKind.PAYMENT_METHOD, "acme", None)
    assert feed.stripe.readings == 0


@pytest.mark.parametrize(
    "event_type", ["charge.refunded", "refund.failed", "charge.dispute.created", "charge.dispute.closed"]
)
def test_money_that_goes_back_is_followed_to_the_invoice_that_it_paid(feed: Feed, event_type: str) -> None:
    event = feed.stripe.tells_of_invoice(event_type, feed.invoice("acme"))

    feed.hears(event)
    batch = feed.turn()

    assert [one.invoice_id for one in batch.news] == ["inv-2026-10-acme"]
    assert feed.stripe.readings == 1


@pytest.mark.parametrize(
    ("event_type", "about", "why"),
    [
        ("radar.early_fraud_warning.created", {"object": "warning"}, "is no type that we act on"),
        ("invoice.paid", {"object": "invoice", "id": "in_else", "customer": "cus_else"}, "no invoice of ours"),
        ("invoice.paid", {"object": "invoice", "id": "in_else", "customer": "cus_acme"}, "no invoice of ours"),
        ("payment_method.attached", {"object": "payment_method", "customer": None}, "no customer of ours"),
        ("customer.updated", {"object": "customer", "id": "cus_else"}, "no customer of ours"),
        ("charge.refunded", {"object": "charge", "payment_intent": None}, "no invoice of ours"),
    ],
)
def test_what_is_not_ours_is_kept_and_says_why(feed: Feed, event_type: str, about: Any, why: str) -> None:
    event = feed.stripe.tells(event_type, about)

    feed.hears(event)
    batch = feed.turn()

    assert batch.news == ()
    line = feed.line(event)
    assert line.state is EventState.IGNORED
    assert why in (line.why or "")


def test_an_invoice_whose_link_is_still_missing_waits_for_it(feed: Feed) -> None:
    about = {"object": "invoice", "id": "in_2026-10_cask", "customer": "cus_cask", "metadata": {"op_key": "month-end"}}
    event = feed.stripe.tells("invoice.finalized", about)
    feed.hears(event)
    feed.turn()
    waiting = feed.line(event)

    feed.bills("cask")
    feed.now += HOUR
    feed.turn()

    assert waiting.state is EventState.WAITING
    assert "the books are not linked to it yet" in (waiting.why or "")
    assert feed.line(event).state is EventState.PROCESSED


def test_lists_show_the_latest_first_by_state_and_customer(feed: Feed) -> None:
    paid = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("acme"))
    feed.hears(paid)
    feed.turn()
    feed.now += MINUTE
    waiting = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("bolt"))
    feed.hears(waiting)

    newest = feed.book.newest(None, None, 10)

    assert [one.event_id for one in newest] == [waiting.event_id, paid.event_id]
    assert [one.event_id for one in feed.book.newest(EventState.PROCESSED, None, 10)] == [paid.event_id]
    assert [one.event_id for one in feed.book.newest(None, "acme", 10)] == [paid.event_id]
    assert feed.book.find("evt_never") is None
