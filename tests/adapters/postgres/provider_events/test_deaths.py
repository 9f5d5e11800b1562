"""Workers that die while they try events."""

from __future__ import annotations

from typing import Any

from activities.provider_events import ProviderEvents
from adapters.policies import Policies
from billing.provider_events import EventState, NewsKind
from tests.adapters.postgres.provider_events.feed import MORNING, PAYMENT_METHOD, Feed


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
