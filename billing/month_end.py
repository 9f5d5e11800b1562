"""The words of month end: orders, stages, endings, shards, what a run made of each tenant, and how far it is."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from billing.cases import OperatorId, PendingApproval, Reason, StoryLine
from billing.money import Money
from billing.periods import BillingMonth, local_midnight
from billing.policy.month_end import MonthEndPolicy
from billing.tenants import TenantId


class Stage(StrEnum):
    """Where a run stands, in the order of the runbook; also the `Stage` search attribute."""

    PREFLIGHT = "preflight"
    ROLL_UP = "bring roll-ups up to date"
    RATE = "rate"
    CHECK = "check"
    REVIEW = "waiting for approval"
    FINALISE = "finalise"
    PRINT = "print documents"
    PUSH = "push to the provider"
    DELIVER = "deliver by email"
    RECONCILE = "reconcile"
    CLOSE = "close the run"
    CLOSED = "closed"


class Ending(StrEnum):
    """How a run ends; each has a kept history that is replayed."""

    CLOSED = "closed"
    CLOSED_WITH_LEFTOVERS = "closed with parked tenants or documents"
    NOTHING_TO_BILL = "nothing to bill"
    DRY_RUN = "dry run"
    CANCELLED = "cancelled"
    REJECTED = "rejected by finance"
    NOT_ACCEPTED = "not accepted"


class RunState(StrEnum):
    """Whether a run still works; an abandoned one left no draft behind."""

    WORKING = "working"
    CLOSED = "closed"
    ABANDONED = "abandoned"


class Outcome(StrEnum):
    """What a run made of a tenant."""

    RATED = "rated"
    PARKED = "parked"
    HELD = "held"
    ALREADY_INVOICED = "already_invoiced"
    NOTHING_TO_BILL = "nothing_to_bill"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunOrder(_Message):
    """What starts a run. A dry run writes entries and no document; `only_parked` bills whom the last run left out, and
    takes up the documents that have not arrived. `requested_by` may be `schedule`."""

    period: BillingMonth
    dry_run: bool = False
    only_parked: bool = False
    requested_by: Annotated[str, Field(min_length=1, max_length=127)]


class Shard(_Record):
    """An inclusive range of tenant ids, in the database's own order: only the database compares them."""

    first: str
    last: str


class ShardOrder(_Record):
    """Work on one range of a run's tenants, or of their documents."""

    run_id: str
    shard: Shard


class BillingRun(_Record):
    """A run as it was opened, `run_id` being `<period>#<sequence>`. The service periods of all tenants lie within the
    local days `[first, end)`, and the last of them is over at `over_at`; `tenants` is how many there are to look at."""

    run_id: str
    order: RunOrder
    policy: MonthEndPolicy
    started_at: AwareDatetime
    first: date
    end: date
    over_at: AwareDatetime
    tenants: int


class Severity(StrEnum):
    """What a finding of the preflight does: stop the run until a person has acted, park its tenants, or inform."""

    BLOCKING = "blocking"
    PARKING = "parking"
    NOTE = "note"


class PreflightFinding(_Record):
    """One thing that is not as it should be; `sentence` says what to do. `tenants` counts whom it concerns."""

    severity: Severity
    sentence: str
    tenants: int = 0


class Preflight(_Record):
    """What was looked at before a run began, blocking findings first; at most `policy.listed_at_most` of each severity."""

    findings: tuple[PreflightFinding, ...] = ()

    @property
    def blocking(self) -> tuple[PreflightFinding, ...]:
        """What keeps the run from starting."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.BLOCKING)


class ShardResult(_Record):
    """How many tenants of a shard came to which outcome, and how many lines were written (0: all was there already)."""

    outcomes: dict[Outcome, int] = {}
    lines: int = 0

    @property
    def tenants(self) -> int:
        """Everybody who was looked at, whatever came of it."""
        return sum(self.outcomes.values())

    def __add__(self, other: Self) -> Self:
        words = self.outcomes.keys() | other.outcomes.keys()
        added = {word: self.outcomes.get(word, 0) + other.outcomes.get(word, 0) for word in sorted(words)}
        return type(self)(outcomes=added, lines=self.lines + other.lines)


class LeftDocument(_Record):
    """A document that an errand could not be done for, with why, for a person."""

    tenant_id: str
    number: str
    why: str


class BatchResult(_Record):
    """What became of a batch of documents: how many are done now (or were before), and which are left."""

    done: int = 0
    left: tuple[LeftDocument, ...] = ()

    @property
    def documents(self) -> int:
        """Those that are done and those that are left."""
        return self.done + len(self.left)


class LeftBehind(_Record):
    """What an errand could not be done for: how many documents, and the first of them."""

    count: int = 0
    first: tuple[LeftDocument, ...] = ()

    def and_also(self, left: tuple[LeftDocument, ...], *, listed_at_most: int) -> Self:
        """The same with more documents."""
        return type(self)(count=self.count + len(left), first=(*self.first, *left)[:listed_at_most])


class Parking(_Message):
    """A person takes a tenant's draft out of a run before it is finalised."""

    tenant_id: TenantId
    reason: Reason
    by: OperatorId


class Instruction(_Message):
    """A person pauses, resumes or cancels a run, or lets it try again."""

    by: OperatorId
    reason: Reason


class Progress(_Record):
    """How far the current stage is; `rate` counts tenants or documents a second since the stage began, as of `at`."""

    stage: Stage
    done: int = 0
    total: int = 0
    began_at: AwareDatetime
    at: AwareDatetime

    @property
    def percent(self) -> int:
        """0 to 100; a stage with nothing to do is done."""
        return min(100, 100 * self.done // self.total) if self.total else 100

    @property
    def rate(self) -> Decimal:
        """Tenants or documents a second, to one decimal; 0 before any time has passed."""
        seconds = Decimal(str((self.at - self.began_at).total_seconds()))
        return (self.done / seconds).quantize(Decimal("0.1")) if seconds > 0 else Decimal(0)

    def in_words(self) -> str:
        """Such as `rate: 45 % (4,500 of 10,000, 1,250.0 a second)`."""
        return f"{self.stage}: {self.percent} % ({self.done:,} of {self.total:,}, {self.rate:,} a second)"


class RunStory(_Record):
    """Everything a person needs to see of a run; the same source feeds the Temporal UI, the command and the API."""

    case_id: str
    period: str
    run_id: str | None
    dry_run: bool
    stage: Stage
    next_step: str
    needs_human: bool
    paused_by: str | None = None
    progress: Progress | None = None
    outcomes: dict[Outcome, int] = {}
    totals: tuple[Money, ...] = ()
    left: tuple[LeftDocument, ...] = ()
    left_count: int = 0
    holds: tuple[str, ...] = ()
    reconciled: str | None = None
    approval: PendingApproval | None = None
    ending: Ending | None = None
    timeline: tuple[StoryLine, ...] = ()


def case_id(period: str) -> str:
    """The name under which a period's runs, documents and letters are filed: `month-end/2026-10`."""
    return f"month-end/{period}"


def invoice_id(period: str, tenant_id: str, bill: int = 1) -> str:
    """The same whoever makes the document. `bill` counts from 1: a period is billed again once its document is void."""
    return f"inv-{period}-{bill_of(tenant_id, bill)}"


def bill_of(tenant_id: str, bill: int) -> str:
    """Which of the tenant's bills of a period it is; the first is named after the tenant alone."""
    return tenant_id if bill == 1 else f"{tenant_id}-B{bill}"


def invoice_op_key(period: str, bill: str) -> str:
    """The effect that brings a tenant's document to the provider; `bill` is the tenant's id, or its `bill_of`."""
    return f"{case_id(period)}/invoice/{bill}"


def delivery_op_key(period: str, bill: str) -> str:
    """The letter that brings it to the tenant."""
    return f"{case_id(period)}/delivery/{bill}"


def workflow_id(period: str, *, dry_run: bool) -> str:
    """One run at a time for each period, and one dry run beside it."""
    return f"{case_id(period)}/dry-run" if dry_run else case_id(period)


def month_before(moment: datetime, zone: str) -> str:
    """The billing month that ended last in `zone` before an aware `moment`: what a run started then is for."""
    first = moment.astimezone(ZoneInfo(zone)).date().replace(day=1)
    return f"{first - timedelta(days=1):%Y-%m}"


def over_since(period: str, zone: str) -> datetime:
    """The moment in UTC at which the calendar month is over in `zone`."""
    year, month = (int(part) for part in period.split("-"))
    first = date(year, month, 1)
    return local_midnight((first + timedelta(days=32)).replace(day=1), zone)


def not_over(period: str, zone: str, now: datetime) -> str | None:
    """Why a period cannot be billed yet, for the person who asked; None once its month is over in `zone`."""
    over = over_since(period, zone)
    if now >= over:
        return None
    begun = local_midnight(date.fromisoformat(f"{period}-01"), zone) <= now
    where = f"{over.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone} ({over.astimezone(UTC):%H:%M} UTC)"
    return f"period {period} {'is not over' if begun else 'has not begun'}: it can be billed from {where} on"
