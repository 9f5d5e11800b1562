"""The ports of month end, beside `activities/ports.py` and under the same rules: repeatable, failing with `BillingFailure`.

Every method works set-wise on many tenants. Tenants, and the ranges of them, are in the order of the database, whose indexes
have it; nobody else compares their ids.
"""

from datetime import date, datetime
from typing import Protocol

from activities.ports import Heartbeat
from billing.holds import HeldEffect, Hold, HoldOrder
from billing.month_end import (
    BatchResult,
    BillingRun,
    Parking,
    Preflight,
    RunOrder,
    Shard,
    ShardResult,
)
from billing.policy.month_end import Errand, MonthEndPolicy
from billing.rollups import RollUpFinding
from billing.run_reports import RunDiff, RunReport, RunReview


class BillingRuns(Protocol):
    """Month ends in the books: from the opening of a run to its closing, one transaction a shard."""

    def open(self, order: RunOrder, workflow_run_id: str, policy: MonthEndPolicy, now: datetime) -> BillingRun:
        """The run of this workflow run, made when it is not there yet. Raises INVALID for a period that is not over in
        `policy.zone` (`billing.month_end.not_over`), CONFLICT while another run works on it (dry runs do not count)."""

    def preflight(self, run_id: str) -> Preflight:
        """What is not as it should be: the previous period not closed, usage that stopped, open roll-up findings,
        duplicates, tenants that cannot be billed. For `only_parked`, of the tenants left out."""

    def close_usage(self, run_id: str, now: datetime) -> datetime:
        """Close the period for usage and answer the cutoff: what arrives later is late. Closed before: the first cutoff,
        also for a dry run, which closes nothing."""

    def shards(self, run_id: str, after: str, count: int) -> tuple[Shard, ...]:
        """The next `count` ranges of about `policy.shard_size` tenants beyond tenant id `after` ("" at first)."""

    def rate(self, run_id: str, shard: Shard, heartbeat: Heartbeat) -> ShardResult:
        """Make drafts (a dry run: entries only) and an entry for every tenant; a second call writes nothing and answers
        the same. Holds on invoicing, for a tenant or a meter it used, make it HELD."""

    def check(self, run_id: str) -> RunReport:
        """Hold the drafts against the safety bounds, record the flags once, and report the run as it stands now."""

    def finalise(self, run_id: str, shard: Shard, now: datetime, heartbeat: Heartbeat) -> ShardResult:
        """Issue the shard's drafts: gapless numbers, credits applied, one effect row a document; RATED counts them."""

    def park(self, run_id: str, parking: Parking) -> None:
        """Take a draft out of the run for good. Raises NOT_FOUND without a draft of this run, CONFLICT once it is issued."""

    def abandon(self, run_id: str, why: str, now: datetime) -> None:
        """Remove the run's drafts, keep its entries and let another run begin; a dry run is just over."""

    def close(self, run_id: str, report: RunReport, now: datetime) -> None:
        """The run is over; its report as it was approved and finalised."""

    def documents(self, run_id: str, errand: Errand, after: str, count: int) -> tuple[Shard, ...]:
        """The next `count` ranges, of `policy.documents_a_batch` each, of tenants beyond `after` whose document of the
        period still needs the errand: not printed; not confirmed by the provider; confirmed there and not delivered."""

    def waiting(self, run_id: str, errand: Errand) -> int:
        """How many documents of the period still need the errand."""

    def diff(self, run_id: str, against: str) -> RunDiff:
        """How the bills of two runs of one period differ. Raises NOT_FOUND, and INVALID for different periods."""

    def last(self, period: str, *, before: str | None = None) -> str | None:
        """The newest run of a period (dry runs too), or the newest before the run `before`."""

    def working(self, period: str) -> str | None:
        """The run that bills a period now, as the books see it; dry runs do not count."""

    def report(self, run_id: str) -> RunReport:
        """The report as the run was closed with, or as it stands. Raises NOT_FOUND."""


class RunReviews(Protocol):
    """What finance is asked about a run, and what the answer lets happen."""

    def propose(self, review: RunReview) -> RunReview:
        """Freeze the review as an effect that waits for its path; the same key returns what was frozen first, and an
        earlier unanswered review of the run is withdrawn."""

    def withdraw(self, op_key: str, why: str) -> None:
        """Take the review and its open question back; one that was answered stays as it is."""

    def release(self, run_id: str, report: RunReport) -> None:
        """Raises NOT_APPROVED when the report needs a review that nobody approved, STALE_DECISION when the approved one
        is about other drafts. An approved review is confirmed, once."""


class Holds(Protocol):
    """Flags that stop one kind of effect until somebody releases them."""

    def place(self, order: HoldOrder, now: datetime) -> Hold:
        """Raises NOT_FOUND for an unknown tenant or meter. The same effect and cover held already: that hold."""

    def release(self, hold_id: str, by: str, reason: str, now: datetime) -> Hold:
        """Releasing twice answers the first release. Raises NOT_FOUND."""

    def in_force(self, effect: HeldEffect | None = None) -> tuple[Hold, ...]:
        """Holds that are not released, oldest first; of one effect or of all."""


class RollUps(Protocol):
    """Daily usage by tenant and meter, in the tenant's zone."""

    def bring_up_to_date(self, heartbeat: Heartbeat) -> int:
        """Roll up every day that changed since it was rolled up last; answers how many."""

    def rebuild(self, first: date, end: date, heartbeat: Heartbeat) -> int:
        """Make the days `[first, end)` anew from the raw events; answers how many."""

    def validate(self, first: date, end: date, heartbeat: Heartbeat) -> tuple[RollUpFinding, ...]:
        """Compare the days `[first, end)` with the raw events; records and answers what disagrees."""


class InvoicePush(Protocol):
    """Issued documents at the payment provider."""

    def push(self, run_id: str, batch: Shard, heartbeat: Heartbeat) -> BatchResult:
        """Bring the batch's documents to the provider, each once; those it refuses are left with why."""


class DocumentPress(Protocol):
    """Documents as PDF."""

    def print(self, run_id: str, batch: Shard, heartbeat: Heartbeat) -> BatchResult:
        """Print each document of the batch that is not printed yet, and keep its hash."""

    def pdf(self, name: str) -> tuple[str, str, bytes]:
        """Number, SHA-256 and bytes of a document by its number, or of an invoice by its id; printed now if it never was.
        Raises NOT_FOUND."""


class InvoiceCourier(Protocol):
    """Documents by email."""

    def deliver(self, run_id: str, batch: Shard, heartbeat: Heartbeat) -> BatchResult:
        """Send each document of the batch once; holds on invoice delivery and refused mail leave theirs behind."""
