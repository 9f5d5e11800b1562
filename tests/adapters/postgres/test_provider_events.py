"""Events as they are kept: once each, tried in their turn, settled together, swept for, and asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from activities.provider_events import AWAY_AFTER, READS_FOR, Batch, ProviderEvents, Swept
from adapters.policies import Policies
from adapters.postgres.provider_events import ProviderEvents as Book
from billing.failures import BillingFailure, FailureCode
from billing.invoices import InvoiceStatus
from billing.policy.standard import PROVIDER_EVENTS
from billing.provider_events import Arrival, ArrivedEvent, EventLine, EventState, NewsKind
from tests.adapters.postgres.both_sides import BothSides
from tests.fakes.events import EventfulStripe, busy, sent

MORNING = datetime(2026, 11, 21, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PAYMENT_METHOD = {"object": "payment_method", "id": "pm_1", "customer": "cus_acme"}


@dataclass
class Feed:
    """A company whose provider tells of its invoices; `now` is turned by the test."""

    engine: Engine
    now: datetime = MORNING
    stripe: EventfulStripe = field(init=False)

    def __post_init__(self) -> None:
        self.stripe = EventfulStripe(now=lambda: self.now)
        self.book = Book(self.engine)
        self.desk = ProviderEvents(
            self.book, self.stripe, self.stripe, self.stripe, Policies(self.engine), lambda: self.now
        )

    def bills(self, *tenants: str) -> None:
        sides = BothSides(self.engine)
        for tenant in tenants:
            sides.document(tenant)
            self.stripe.bills(tenant, f"inv-2026-10-{tenant}", f"in_2026-10_{tenant}")
        sides.write_ours()

    def invoice(self, tenant: str) -> Any:
        return self.stripe.invoices[f"in_2026-10_{tenant}"]

    def hears(self, *events: ArrivedEvent) -> tuple[str, ...]:
        return self.book.keep(events, Arrival.WEBHOOK, self.now)

    def turn(self) -> Batch:
        """What the runbook does with one batch."""
        batch = self.desk.process(1_000)
        self.desk.settle(batch.outcomes)
        return batch

    def sweeps(self) -> Swept:
        return self.desk.sweep(self.now)

    def line(self, event: ArrivedEvent) -> EventLine:
        found = self.book.find(event.event_id)
        assert found is not None
        return found[0]


@pytest.fixture
def feed(engine: Engine) -> Iterator[Feed]:
    feed = Feed(engine)
    feed.bills("acme", "bolt")
    yield feed


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


class Died(BaseException):
    """A process that ended in the middle of a call."""


class Mortal:
    """Passes calls on to `behind`, and dies before or after the one whose number is up."""

    def __init__(self, behind: Any, lives: list[int]) -> None:
        self._behind, self._lives = behind, lives

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)

        def called(*arguments: Any) -> Any:
            self._spend()
            answer = found(*arguments)
            self._spend()
            return answer

        return called if callable(found) else found

    def _spend(self) -> None:
        self._lives[0] -= 1
        if self._lives[0] == 0:
            raise Died


def test_a_worker_that_dies_before_or_after_any_call_loses_no_event_and_tells_every_case(feed: Feed) -> None:
    lives, deaths = [0], 0
    mortal = ProviderEvents(
        Mortal(feed.book, lives),
        Mortal(feed.stripe, lives),
        Mortal(feed.stripe, lives),
        Mortal(feed.stripe, lives),
        Policies(feed.engine),
        lambda: feed.now,
    )
    for number in range(1, 100):
        events = [
            feed.stripe.tells_of_invoice("invoice.payment_failed", feed.invoice("acme"), overdue_since=MORNING),
            feed.stripe.tells_of_invoice("charge.refunded", feed.invoice("bolt")),
            feed.stripe.tells("payment_method.attached", PAYMENT_METHOD),
            feed.stripe.tells("planet.found", {"object": "planet"}),
        ]
        feed.hears(*events)
        lives[0], told = number, set()
        while True:
            try:
                batch = mortal.process(1_000)
                told |= {(one.kind, one.tenant_id) for one in batch.news}
                mortal.settle(batch.outcomes)
                break
            except Died:
                deaths += 1
        lines = [feed.line(event) for event in events]
        assert [line.state for line in lines] == [EventState.PROCESSED] * 3 + [EventState.IGNORED]
        assert {line.attempts for line in lines} == {1}
        assert told == {(NewsKind.INVOICE, "acme"), (NewsKind.REFUND, "bolt"), (NewsKind.PAYMENT_METHOD, "acme")}
        if lives[0] > 0:
            break

    assert deaths >= 20
    assert lives[0] > 0
