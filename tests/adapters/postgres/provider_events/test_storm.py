"""Ten thousand events, each delivered up to three times in any order, some refused, the receiver down for three days.

They come to the book itself. The door in front of it is tested in `tests/console/test_stripe_events_arrive.py`, and how cases
begin with what is told here in `tests/workflows/test_stripe_events.py`.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from billing.invoices import InvoiceStatus
from billing.payments import Receivable
from billing.provider_events import ArrivedEvent, EventState, NewsKind
from sandbox.stripe.webhooks import RETRY_AFTER_SECONDS
from tests.adapters.postgres.provider_events.feed import Feed
from tests.fakes.events import DUE, busy

EVENTS, TENANTS = 10_000, 800
STEP = timedelta(hours=6)
HAPPENS_WITHIN = timedelta(days=8)
# The receiver is down for three days in the middle of it.
DOWN_FROM, DOWN_UNTIL = timedelta(days=2), timedelta(days=5)

PAID, OPEN, VOID, UNCOLLECTIBLE = (
    InvoiceStatus.PAID,
    InvoiceStatus.OPEN,
    InvoiceStatus.VOID,
    InvoiceStatus.UNCOLLECTIBLE,
)
# What may happen to an invoice, and how it stands afterwards; an order that no event's payload would tell.
HAPPENINGS = (
    ("invoice.payment_failed", {"status": OPEN, "remaining": DUE}),
    ("invoice.paid", {"status": PAID, "remaining": 0}),
    ("invoice.payment_succeeded", {"status": PAID, "remaining": 0}),
    ("invoice.voided", {"status": VOID, "remaining": 0}),
    ("invoice.marked_uncollectible", {"status": UNCOLLECTIBLE, "remaining": DUE}),
    ("charge.refunded", {"status": PAID, "remaining": DUE // 2}),
    ("charge.dispute.created", {"remaining": DUE, "charged_back": True}),
    ("charge.dispute.closed", {"remaining": 0, "charged_back": False}),
    ("credit_note.created", {"status": OPEN, "remaining": DUE // 4}),
)


@pytest.fixture
def feed(engine: Engine) -> Feed:
    feed = Feed(engine)
    feed.bills(*(f"t{number:03}" for number in range(TENANTS)))
    return feed


def happens(feed: Feed, dice: random.Random) -> Iterator[tuple[datetime, ArrivedEvent]]:
    """Everything that happens within the days, one after the other."""
    began = feed.now
    invoices = list(feed.stripe.invoices.values())
    for moment in sorted(began + dice.random() * HAPPENS_WITHIN for _ in range(EVENTS)):
        feed.now = moment
        one = dice.choice(invoices)
        if dice.random() < 0.1:
            about = {"object": "payment_method", "id": "pm_1", "customer": f"cus_{one.tenant_id}"}
            yield moment, feed.stripe.tells("payment_method.attached", about)
        else:
            kind, after = dice.choice(HAPPENINGS)
            yield moment, feed.stripe.tells_of_invoice(kind, one, overdue_since=began, **after)


def deliveries(moment: datetime, began: datetime, dice: random.Random) -> Iterator[datetime]:
    """When an event of that moment is taken: up to three times, each at its own pace, and not while nobody receives."""
    for _ in range(dice.randint(1, 3)):
        at = moment + dice.random() * timedelta(hours=2)
        refused = 1 if dice.random() < 0.1 else 0
        for wait in (0, *RETRY_AFTER_SECONDS):
            at += timedelta(seconds=wait)
            if began + DOWN_FROM <= at < began + DOWN_UNTIL:
                continue
            if refused:
                refused -= 1
                continue
            yield at
            break


@dataclass
class Told:
    """What cases are told of, whenever it was, and who owed something when they were."""

    of: set[tuple[str, NewsKind, str | None]] = field(default_factory=set)
    while_owing: set[str] = field(default_factory=set)

    def works(self, feed: Feed) -> None:
        while (batch := feed.turn()).rest is None:
            self.of |= {(news.tenant_id, news.kind, news.invoice_id) for news in batch.news}
            self.while_owing |= set(batch.owing)


def owing(feed: Feed) -> set[str]:
    """Who owes something in the end, by the mirror."""
    return {one.tenant_id for one in feed.stripe.mirror.values() if one.is_debt}


def mirrored(feed: Feed) -> dict[str, dict[str, object]]:
    """How every invoice stands by the mirror, whenever it was read."""
    return {name: _without_reading(one) for name, one in feed.stripe.mirror.items()}


def _without_reading(one: Receivable) -> dict[str, object]:
    return one.model_dump(exclude={"read_at"})


def states(feed: Feed) -> dict[str, tuple[str, str]]:
    with feed.engine.connect() as connection:
        rows = connection.execute(text("select event_id, state, tenant_id from provider_events"))
        return {row.event_id: (row.state, row.tenant_id) for row in rows}


def test_whatever_arrives_late_twice_in_any_order_or_never_the_end_is_that_of_the_order_it_happened_in(
    feed: Feed,
) -> None:
    dice, began = random.Random(20261121), feed.now
    taken: dict[int, list[ArrivedEvent]] = defaultdict(list)
    events = list(happens(feed, dice))
    for moment, event in events:
        for at in deliveries(moment, began, dice):
            taken[(at - began) // STEP].append(event)
    delivered = sum(map(len, taken.values()))
    arrived = {event.event_id for step in taken.values() for event in step}
    feed.stripe.hiccup = lambda _: busy(_) if dice.random() < 0.02 else None
    told, in_order = Told(), Told()

    for step in range((HAPPENS_WITHIN + timedelta(days=14)) // STEP):
        feed.now = began + step * STEP
        dice.shuffle(taken[step])
        if taken[step]:
            feed.hears(*taken[step])
        told.works(feed)
    never = EVENTS - len(arrived)
    feed.now = began + timedelta(days=22)
    swept = feed.sweeps()
    for _ in range(40):
        told.works(feed)
        feed.now += timedelta(hours=1)
    shuffled, shuffled_states = mirrored(feed), states(feed)

    feed.stripe.hiccup = lambda _: None
    feed.stripe.mirror.clear()
    with feed.engine.begin() as connection:
        connection.execute(text("truncate provider_events"))
    feed.hears(*(event for _, event in events))
    in_order.works(feed)

    assert delivered > 1.5 * EVENTS
    assert swept.found == never
    assert shuffled == mirrored(feed)
    assert shuffled_states == states(feed)
    assert told.of == in_order.of
    assert owing(feed) == in_order.while_owing
    assert owing(feed) <= told.while_owing
    assert {state for state, _ in shuffled_states.values()} == {EventState.PROCESSED}
    assert len(shuffled_states) == EVENTS
