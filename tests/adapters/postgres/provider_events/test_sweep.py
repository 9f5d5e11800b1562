"""The sweep finds what never arrived."""

from __future__ import annotations

from billing.provider_events import Arrival
from tests.adapters.postgres.provider_events.feed import DAY, HOUR, MORNING, Feed


def test_the_sweep_finds_what_never_arrived_and_goes_on_where_it_stood(feed: Feed) -> None:
    arrived, missed = (
        feed.stripe.tells_of_invoice(kind, feed.invoice("acme")) for kind in ("invoice.finalized", "invoice.paid")
    )
    feed.hears(arrived)
    feed.now += HOUR
    first = feed.sweeps()
    feed.now += 9 * HOUR
    late = feed.stripe.tells_of_invoice("invoice.voided", feed.invoice("bolt"))
    feed.now += HOUR

    second = feed.sweeps()

    assert (first.read, first.found, first.since) == (2, 1, MORNING + HOUR - 30 * DAY)
    assert (second.read, second.found, second.since) == (3, 1, MORNING - HOUR)
    assert {feed.line(one).arrival for one in (missed, late)} == {Arrival.SWEEP}
    assert feed.line(arrived).arrival is Arrival.WEBHOOK


def test_after_months_without_a_sweep_it_reaches_back_as_far_as_the_provider_lists(feed: Feed) -> None:
    feed.sweeps()
    feed.now += 90 * DAY

    assert feed.sweeps().since == feed.now - 30 * DAY
