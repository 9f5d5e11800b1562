"""While the provider is busy, slow or away, every event keeps its turn."""

from __future__ import annotations

from datetime import timedelta

from activities.provider_events import AWAY_AFTER, READS_FOR
from billing.policy.standard import PROVIDER_EVENTS
from billing.provider_events import EventState
from tests.adapters.postgres.provider_events.feed import MINUTE, PAYMENT_METHOD, Feed
from tests.fakes.events import busy


def test_a_provider_that_is_busy_is_asked_again_later_and_later(feed: Feed) -> None:
    event = feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("acme"))
    feed.stripe.hiccup = busy
    feed.hears(event)

    feed.turn()
    too_soon = feed.turn()
    feed.now += MINUTE
    feed.turn()

    line = feed.line(event)
    assert too_soon.outcomes == ()
    assert (line.attempts, line.state, line.next_try_at) == (2, EventState.WAITING, feed.now + 3 * MINUTE)
    assert "429" in (line.why or "")


def test_while_the_provider_is_away_the_others_keep_their_turn(feed: Feed) -> None:
    names = [f"t{number}" for number in range(10)]
    feed.bills(*names)
    feed.hears(*(feed.stripe.tells_of_invoice("invoice.paid", feed.invoice(name)) for name in names))
    feed.stripe.hiccup = busy

    batch = feed.turn()

    assert batch.away is not None and "429" in batch.away
    tried = PROVIDER_EVENTS.readings_at_once
    assert len(batch.outcomes) == tried
    assert feed.book.backlog(feed.now).due == 10 - tried


def test_while_the_provider_is_away_a_refund_keeps_its_turn_and_a_new_card_is_heard_of(feed: Feed) -> None:
    names = [f"t{number}" for number in range(10)]
    feed.bills(*names)
    refunds = [feed.stripe.tells_of_invoice("charge.refunded", feed.invoice(name)) for name in names]
    card = feed.stripe.tells("payment_method.attached", PAYMENT_METHOD)
    feed.hears(*refunds, card)
    feed.stripe.hiccup = busy

    batch = feed.turn()

    states = [feed.line(event) for event in refunds]
    assert batch.away is not None
    assert {line.state for line in states} == {EventState.WAITING}
    assert sum(line.attempts for line in states) == AWAY_AFTER
    assert feed.line(card).state is EventState.PROCESSED


def test_however_slow_the_provider_is_a_turn_ends_in_time_and_all_have_theirs(feed: Feed) -> None:
    names = [f"t{number}" for number in range(10)]
    feed.bills(*names)
    feed.hears(*(feed.stripe.tells_of_invoice("charge.refunded", feed.invoice(name)) for name in names))

    def takes_a_minute(_: str) -> None:
        feed.now += MINUTE

    feed.stripe.hiccup = takes_a_minute
    began = feed.now

    first = feed.turn()
    lasted = feed.now - began
    turns = 1
    while feed.book.backlog(feed.now).due:
        feed.turn()
        turns += 1

    assert 0 < len(first.outcomes) < 10
    assert lasted < READS_FOR + PROVIDER_EVENTS.readings_at_once * MINUTE
    assert turns <= 10


def test_the_backlog_says_how_long_to_wait(feed: Feed) -> None:
    quiet = feed.desk.settle(())
    feed.stripe.hiccup = busy
    feed.hears(feed.stripe.tells_of_invoice("invoice.paid", feed.invoice("acme")))
    due = feed.desk.settle(())
    feed.turn()
    feed.now += timedelta(seconds=50)

    soon = feed.desk.settle(())

    assert (quiet.waiting, quiet.look_in) == (0, MINUTE)
    assert (due.waiting, due.due, due.look_in) == (1, 1, timedelta(seconds=1))
    assert (soon.due, soon.look_in) == (0, timedelta(seconds=10))
