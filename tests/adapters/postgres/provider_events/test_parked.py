"""Events that are given up, asked for again, and settled together."""

from __future__ import annotations

from billing.failures import BillingFailure, FailureCode
from billing.policy.standard import PROVIDER_EVENTS
from billing.provider_events import EventState
from tests.adapters.postgres.provider_events.feed import DAY, MINUTE, MORNING, Feed
from tests.fakes.events import busy, sent


def test_an_event_that_can_never_succeed_is_parked_at_once_with_its_reason(feed: Feed) -> None:
    def unknown_status(_: str) -> None:
        raise BillingFailure(FailureCode.INVALID, "invoice in_1 at Stripe has the status 'lost', which is unknown")

    event = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("acme"))
    feed.stripe.hiccup = unknown_status
    feed.hears(event)

    feed.turn()

    line = feed.line(event)
    assert (line.state, line.tenant_id) == (EventState.PARKED, "acme")
    assert line.why == "invoice in_1 at Stripe has the status 'lost', which is unknown"


def test_after_seven_days_an_event_is_parked_and_one_that_broke_keeps_no_other_waiting(feed: Feed) -> None:
    def broken(what: str) -> None:
        if what == "inv-2026-10-acme":
            raise KeyError("card 4242424242424242")

    poison = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("acme"))
    other = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("bolt"))
    feed.stripe.hiccup = broken
    feed.hears(poison, other)

    while (line := feed.line(poison)).state is EventState.WAITING:
        feed.turn()
        feed.now = feed.line(poison).next_try_at or feed.now

    assert feed.now == MORNING + PROVIDER_EVENTS.keep_trying
    assert line.state is EventState.PARKED
    assert line.why == f"given up after {line.attempts} tries: something broke on our side (KeyError)"
    assert feed.line(other).state is EventState.PROCESSED


def test_a_parked_event_that_somebody_asks_for_again_has_its_week_anew(feed: Feed) -> None:
    event = sent("evt_1", "invoice.paid", {"object": "planet"}, MORNING)
    feed.hears(event)
    feed.turn()
    feed.now += 9 * DAY

    tried = feed.book.retry_parked("engineering-1", "Taught it the planet.", feed.now)

    line = feed.line(event)
    assert tried == 1
    assert (line.state, line.attempts, line.next_try_at, line.why) == (EventState.WAITING, 0, feed.now, None)
    assert (line.retried_by, line.retried_because) == ("engineering-1", "Taught it the planet.")
    assert feed.book.backlog(feed.now).parked == 0


def test_what_is_asked_for_while_it_is_tried_is_tried_once_more(feed: Feed) -> None:
    event = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("acme"))
    feed.hears(event)
    batch = feed.desk.process(10)

    feed.now += MINUTE
    feed.book.retry([event.event_id], "lead-1", "The books were corrected.", feed.now)
    feed.desk.settle(batch.outcomes)

    assert feed.line(event).state is EventState.WAITING
    assert feed.turn().outcomes[0].state is EventState.PROCESSED


def test_a_batch_that_is_settled_twice_is_settled_once(feed: Feed) -> None:
    feed.stripe.hiccup = busy
    event = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("acme"))
    feed.hears(event)
    batch = feed.desk.process(10)

    feed.desk.settle(batch.outcomes)
    feed.desk.settle(batch.outcomes)

    assert feed.line(event).attempts == 1
