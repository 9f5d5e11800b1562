"""Events of the payment provider: what one is about, what becomes of it, and the news that a tenant's case hears.

An event says only that something changed. How things stand is read from the provider each time, so that events may come
twice, late and in any order, and the end is always the same.
"""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from billing.cases import StoryLine

CASE_ID = "stripe-events"
"""The workflow that works through the events, which is also its type: there is one."""
SWEEP = "stripe-events-sweep"

# What it answers to.
POKE, STORY = "poke", "story"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class NewsKind(StrEnum):
    """What changed at the provider."""

    INVOICE = "invoice"
    PAYMENT_METHOD = "payment_method"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    CUSTOMER = "customer"


class News(_Record):
    """What a tenant's case hears: that something changed, never how it stands now. `invoice_id` is ours; None when the news
    is about the customer. `payment_method` is the one that is new or was changed, by the provider's id, or that a
    change of the customer made the default."""

    kind: NewsKind
    tenant_id: str
    invoice_id: str | None = None
    event_id: str
    occurred_at: AwareDatetime
    payment_method: str | None = None

    @property
    def brings_a_card(self) -> bool:
        """Whether there is a way to pay that should be tried now."""
        return self.kind is NewsKind.PAYMENT_METHOD or self.payment_method is not None


class EventState(StrEnum):
    """What became of an event; nothing is ever deleted, and a person may have any of them looked at again."""

    WAITING = "waiting"
    PROCESSED = "processed"
    IGNORED = "ignored"  # kept: of a type that we do not act on, or about nobody and nothing of ours
    PARKED = "parked"  # tried for as long as the policy says, or never to succeed by itself: a person looks


class Arrival(StrEnum):
    """How an event came to us."""

    WEBHOOK = "webhook"
    SWEEP = "sweep"


class ArrivedEvent(_Record):
    """An event as the provider sent it; `raw` is its JSON, character by character."""

    event_id: str
    type: str
    occurred_at: AwareDatetime
    raw: str


class WaitingEvent(ArrivedEvent):
    """One whose turn has come; `attempts` are those before this one, `trying_since` its arrival or a person's request."""

    attempts: int
    trying_since: AwareDatetime


class Subject(_Record):
    """What an event is about, in the provider's ids. `payment` (a payment intent) leads to the invoice where the event does
    not name it; `marked_ours`: the invoice carries the mark of our push, whether or not our books are linked to it yet."""

    kind: NewsKind
    customer: str | None = None
    provider_invoice: str | None = None
    payment: str | None = None
    payment_method: str | None = None
    marked_ours: bool = False


class Outcome(_Record):
    """What one try made of an event, with why unless it was processed. `attempts` counts this one; with `trying_since` it
    binds the outcome to the try: asked for anew meanwhile, the event has its further try all the same."""

    event_id: str
    state: EventState
    attempts: int
    trying_since: AwareDatetime
    tenant_id: str | None = None
    why: str | None = None
    next_try_at: AwareDatetime | None = None


class Backlog(_Record):
    """How many events wait (`due`: whose turn has come), when the next one's turn comes, how many are parked, and how long
    to wait before looking though nobody called: a duration, since clocks of workers and servers differ."""

    waiting: int = 0
    due: int = 0
    next_try_at: AwareDatetime | None = None
    parked: int = 0
    look_in: timedelta = timedelta(minutes=1)


class Totals(_Record):
    """What the runbook has done since it first began, carried from run to run. `written_at`: when people were last written
    to about the parked ones; None once none is parked."""

    processed: int = 0
    ignored: int = 0
    parked: int = 0
    put_off: int = 0
    told: int = 0
    written_at: AwareDatetime | None = None


class FeedStory(_Record):
    """How the events get on, for the Temporal UI and for queries; `away` says why the provider is taken to be away."""

    totals: Totals
    backlog: Backlog
    away: str | None
    timeline: tuple[StoryLine, ...]


class SweepEnding(StrEnum):
    """How a sweep ends; each has a kept history that is replayed."""

    NOTHING_MISSED = "nothing had been missed"
    FOUND = "found what never arrived"
    NOT_SWEPT = "not swept"


class EventLine(_Record):
    """An event as lists show it."""

    event_id: str
    type: str
    state: EventState
    arrival: Arrival
    occurred_at: AwareDatetime
    received_at: AwareDatetime
    attempts: int
    next_try_at: AwareDatetime | None = None
    tenant_id: str | None = None
    why: str | None = None
    settled_at: AwareDatetime | None = None
    retried_by: str | None = None
    retried_because: str | None = None


def one_of_each(news: Iterable[News]) -> tuple[News, ...]:
    """The latest news about each tenant, kind and invoice: a case looks for itself, so it need hear of each once. A change of
    the customer that names a payment method is not outdone by one that does not."""
    latest: dict[tuple[str, NewsKind, str | None, bool], News] = {}
    for one in sorted(news, key=lambda one: (one.occurred_at, one.event_id)):
        latest[one.tenant_id, one.kind, one.invoice_id, one.payment_method is None] = one
    return tuple(latest.values())
