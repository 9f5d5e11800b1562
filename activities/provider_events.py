"""The verbs of the provider's events: try those whose turn has come, settle what became of them, sweep for missing ones."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict
from temporalio import activity

from activities.clock import Now
from activities.ports import PolicyShelf
from activities.provider_events_ports import Debts, EventBook, EventSource, FreshReceivables, OurInvoice, Ours
from billing.failures import BillingFailure
from billing.payments import RefreshOrder
from billing.provider_events import (
    Arrival,
    Backlog,
    EventState,
    News,
    NewsKind,
    Outcome,
    Subject,
    WaitingEvent,
    one_of_each,
)

log = structlog.get_logger("provider_events")

# So many answers in a row that did not come: the provider is away, and the other events keep their turn.
AWAY_AFTER = 3

# However slow the provider is, a turn asks what payments were for, and then reads, only so long: the rest keep their turn
# well before the try is over.
ASKS_FOR, READS_FOR = timedelta(minutes=2), timedelta(minutes=5)

# However near the next turn is, nobody looks more often than this.
_A_MOMENT = timedelta(seconds=1)

_OF_THE_CUSTOMER = frozenset({NewsKind.PAYMENT_METHOD, NewsKind.CUSTOMER})


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Batch(_Record):
    """What became of the events of one turn: `news` for the cases, and who of those they are about owes something.

    `away` says why the provider is taken to be away; the events that were not tried then are in no outcome. `rest`: nothing
    was due, and this is what still waits.
    """

    outcomes: tuple[Outcome, ...] = ()
    news: tuple[News, ...] = ()
    owing: tuple[str, ...] = ()
    away: str | None = None
    rest: Backlog | None = None


class Swept(_Record):
    """What a sweep read, and how many of the events had not arrived."""

    since: AwareDatetime
    until: AwareDatetime
    read: int
    found: int


@dataclass(frozen=True)
class ProviderEvents:
    """The verbs over the book of events, the provider, and how invoices stand there."""

    book: EventBook
    source: EventSource
    receivables: FreshReceivables
    debts: Debts
    policies: PolicyShelf
    now: Now

    @activity.defn(name="process_provider_events", no_thread_cancel_exception=True)
    def process(self, limit: int) -> Batch:
        """Try up to `limit` events whose turn has come; one fresh read of an invoice is enough for all its events.

        It only reads and mirrors, so that repeating it is safe: what became of the events is written by `settle`, after
        the cases were told.
        """
        events = self.book.due(min(limit, self.policies.provider_events().events_a_batch), self.now())
        if not events:
            return Batch(rest=self._backlog())
        turn = _Turn(self)
        turn.take(events)
        news = one_of_each(turn.news)
        tenants = dict.fromkeys(one.tenant_id for one in news)
        owing = tuple(one for one in tenants if any(known.is_debt for known in self.debts.of_tenant(one)))
        return Batch(outcomes=tuple(turn.outcomes), news=news, owing=owing, away=turn.away)

    @activity.defn(name="settle_provider_events", no_thread_cancel_exception=True)
    def settle(self, outcomes: tuple[Outcome, ...]) -> Backlog:
        """Write what became of them and say what still waits."""
        self.book.settle(outcomes, self.now())
        for state, number in Counter(one.state for one in outcomes).items():
            _count(state, number)
        return self._backlog()

    @activity.defn(name="sweep_provider_events", no_thread_cancel_exception=True)
    def sweep(self, nominal: AwareDatetime) -> Swept:
        """Read the provider's list since the last sweep, with an overlap, and keep what never arrived; `nominal` is when the
        schedule meant it, for the record."""
        until, policy = self.now(), self.policies.provider_events()
        mark, reached = self.book.swept_until(), until - policy.sweep_reaches_back
        since = max(reached, mark - policy.sweep_overlap) if mark else reached
        read = found = 0
        for page in self.source.since(since):
            read += len(page)
            found += len(self.book.keep(page, Arrival.SWEEP, self.now()))
            if activity.in_activity():
                activity.heartbeat(f"{read} read, {found} new")
        self.book.swept(until, found, self.now())
        return Swept(since=since, until=until, read=read, found=found)

    def _backlog(self) -> Backlog:
        """What waits, and how long to wait before looking though nobody called."""
        now, look_every = self.now(), self.policies.provider_events().look_every
        backlog = self.book.backlog(now)
        turn = backlog.next_try_at or now + look_every
        return backlog.model_copy(update={"look_in": max(_A_MOMENT, min(turn - now, look_every))})


def _count(state: EventState, number: int) -> None:
    """What became of events, for the metrics (P10); a gauge of what waits would be left behind by each worker in turn."""
    if activity.in_activity():
        meter = activity.metric_meter().with_additional_attributes({"state": state.value})
        meter.create_counter("runbooks_stripe_events_tried", "Tries of Stripe's events by outcome").add(number)


@dataclass
class _Turn:
    """One batch on its way: which invoices were read, what failed, and what that means for each event."""

    desk: ProviderEvents
    outcomes: list[Outcome] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    away: str | None = None
    _began_at: datetime = field(init=False)
    _unanswered: int = 0
    _read: dict[str, Exception | None] = field(default_factory=dict)
    _paid: dict[str, tuple[str, ...] | Exception] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began_at = self.desk.now()

    def take(self, events: Sequence[WaitingEvent]) -> None:
        """Try each; once the provider is away, or takes too long, the rest keep their turn."""
        subjects = dict(self._subjects(events))
        ours = self.desk.book.whose(
            sorted({one.customer for one in subjects.values() if one.customer}),
            sorted({invoice for one in subjects.values() for invoice in self._invoices_of(one)}),
        )
        tried = [event for event in events if event.event_id in subjects]
        self._read_all(
            one.invoice_id for event in tried for one in _known(self._invoices_of(subjects[event.event_id]), ours)
        )
        for event in tried:
            self._try(event, subjects[event.event_id], ours)

    def _read_all(self, invoice_ids: Iterable[str]) -> None:
        """Read each invoice once, a few side by side, until the provider turns out to be away."""
        waiting = list(dict.fromkeys(invoice_ids))
        at_once = self.desk.policies.provider_events().readings_at_once
        with ThreadPoolExecutor(at_once, thread_name_prefix="reading") as threads:
            for first in range(0, len(waiting), at_once):
                if self.away is not None or (first and self._lasts(READS_FOR)):
                    return
                together = waiting[first : first + at_once]
                for invoice_id, failure in zip(together, threads.map(self._failure_of, together), strict=True):
                    self._read[invoice_id] = failure
                    self._count(failure)
                if activity.in_activity():
                    activity.heartbeat(together[-1])

    def _lasts(self, so_long: timedelta) -> bool:
        return self.desk.now() - self._began_at >= so_long

    def _failure_of(self, invoice_id: str) -> Exception | None:
        """Read the invoice; answers what went wrong."""
        try:
            self.desk.receivables.refresh(RefreshOrder(invoice_ids=(invoice_id,)))
        except Exception as error:
            return error
        return None

    def _subjects(self, events: Sequence[WaitingEvent]) -> Iterator[tuple[str, Subject]]:
        """What each is about; those that we do not act on, or cannot read, are done with at once."""
        for event in events:
            try:
                subject = self.desk.source.subject(event)
            except Exception as error:
                self._failed(event, error)
                continue
            if subject is None:
                self._done(event, EventState.IGNORED, why=f"{event.type} is no type that we act on")
            else:
                yield event.event_id, subject

    def _try(self, event: WaitingEvent, subject: Subject, ours: Ours) -> None:
        if subject.payment and subject.payment not in self._paid:
            return None  # the provider was away, or the time over, before anybody asked: it keeps its turn
        paid = self._paid.get(subject.payment or "", ())
        if isinstance(paid, Exception):
            return self._failed(event, paid)
        known = _known(self._invoices_of(subject), ours)
        tenant = known[0].tenant_id if known else ours.tenants.get(subject.customer or "")
        if any(one.invoice_id not in self._read for one in known):
            return None  # likewise
        for invoice in known:
            if (failure := self._read[invoice.invoice_id]) is not None:
                return self._failed(event, failure, tenant)
        if known:
            return self._news(event, subject, ((one.tenant_id, one.invoice_id) for one in known))
        if subject.kind in _OF_THE_CUSTOMER and tenant:
            return self._news(event, subject, [(tenant, None)])
        if subject.marked_ours:
            unlinked = f"{subject.provider_invoice} carries our mark, and the books are not linked to it yet"
            return self._again(event, unlinked, tenant)
        about = "no customer of ours" if subject.kind in _OF_THE_CUSTOMER else "no invoice of ours"
        return self._done(event, EventState.IGNORED, tenant, f"it is about {about}")

    def _invoices_of(self, subject: Subject) -> Iterable[str]:
        """The provider's invoices that it is about, asked for once for each payment."""
        if subject.provider_invoice:
            return (subject.provider_invoice,)
        payment = subject.payment
        if payment is None:
            return ()
        if payment not in self._paid:
            if self.away or (self._paid and self._lasts(ASKS_FOR)):
                return ()
            if activity.in_activity():
                activity.heartbeat(payment)
            try:
                self._paid[payment] = self.desk.source.invoices_paid_by(payment)
                self._count(None)
            except Exception as error:
                self._paid[payment] = error
                self._count(error)
        paid = self._paid[payment]
        return () if isinstance(paid, Exception) else paid

    def _count(self, error: Exception | None) -> None:
        """A defect of ours, or an answer that is final, says nothing about whether the provider is there."""
        self._unanswered = self._unanswered + 1 if isinstance(error, BillingFailure) and not error.final else 0
        if error is not None and self._unanswered >= AWAY_AFTER:
            self.away = _words(error)

    def _news(self, event: WaitingEvent, subject: Subject, about: Iterable[tuple[str, str | None]]) -> None:
        told = [
            News(
                kind=subject.kind,
                tenant_id=tenant,
                invoice_id=invoice,
                event_id=event.event_id,
                occurred_at=event.occurred_at,
                payment_method=subject.payment_method,
            )
            for tenant, invoice in about
        ]
        self.news += told
        self._done(event, EventState.PROCESSED, told[0].tenant_id)

    def _failed(self, event: WaitingEvent, error: Exception, tenant: str | None = None) -> None:
        if isinstance(error, BillingFailure) and error.final:
            log.warning("event parked", event_id=event.event_id, type=event.type, why=error.for_us)
            return self._done(event, EventState.PARKED, tenant, error.for_us)
        if not isinstance(error, BillingFailure) and event.attempts == 0:
            log.error("event failed", event_id=event.event_id, type=event.type, exc_info=error)
        return self._again(event, _words(error), tenant)

    def _again(self, event: WaitingEvent, why: str, tenant: str | None) -> None:
        """Wait longer each time, up to the policy's end of it."""
        attempts = event.attempts + 1
        next_try_at = self.desk.policies.provider_events().next_try(attempts, event.trying_since, self.desk.now())
        if next_try_at is None:
            why = f"given up after {attempts} tries: {why}"
            log.warning("event parked", event_id=event.event_id, type=event.type, why=why)
            return self._done(event, EventState.PARKED, tenant, why)
        waits = {"state": EventState.WAITING, "why": why, "next_try_at": next_try_at}
        return self._outcome(event, tenant, waits)

    def _done(self, event: WaitingEvent, state: EventState, tenant: str | None = None, why: str | None = None) -> None:
        self._outcome(event, tenant, {"state": state, "why": why})

    def _outcome(self, event: WaitingEvent, tenant: str | None, became: Mapping[str, object]) -> None:
        attempts = event.attempts + 1
        self.outcomes.append(
            Outcome.model_validate(
                {
                    "event_id": event.event_id,
                    "attempts": attempts,
                    "trying_since": event.trying_since,
                    "tenant_id": tenant,
                    **became,
                }
            )
        )


def _known(provider_invoices: Iterable[str], ours: Ours) -> list[OurInvoice]:
    return [ours.invoices[one] for one in provider_invoices if one in ours.invoices]


def _words(error: Exception) -> str:
    """What went wrong, for a row that people read; of what nobody foresaw only the kind, since it may quote anything."""
    return (
        error.for_us if isinstance(error, BillingFailure) else f"something broke on our side ({type(error).__name__})"
    )
