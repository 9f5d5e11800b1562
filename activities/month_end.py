"""The verbs of month end: open a run, look before it leaps, roll up, rate, check, finalise, park, close."""

from dataclasses import dataclass
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict
from temporalio import activity

from activities.clock import Now
from activities.invoicing_ports import BillingRuns, Holds, RollUps, RunReviews
from activities.ports import PolicyShelf
from billing.holds import HeldEffect, Hold
from billing.month_end import (
    BillingRun,
    Parking,
    Preflight,
    RunOrder,
    Shard,
    ShardOrder,
    ShardResult,
)
from billing.policy.month_end import Errand
from billing.rollups import RollUpFinding, made_anew
from billing.run_reports import RunReport, RunReview


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True)


class RunStart(_Order):
    """A run's order; `workflow_run_id` is the first run of its chain, so that a continued one stays the same run."""

    order: RunOrder
    workflow_run_id: str


class Page(_Order):
    """The next ranges of tenants beyond `after`; with an errand, of tenants whose document still needs it."""

    run_id: str
    after: str
    count: int
    errand: Errand | None = None


class DaysToRollUp(_Order):
    """Local days `[first, end)`."""

    first: date
    end: date


class RolledUp(_Order):
    """How many roll-ups were made anew, how many disagree with the raw events still, the first of those, and from which
    day to which they do."""

    made: int
    disagreeing: int
    examples: tuple[RollUpFinding, ...]
    first: date | None = None
    last: date | None = None

    @property
    def made_anew(self) -> str:
        """The command that makes the disagreeing days anew; there must be some."""
        days = [one.day for one in self.examples]
        return made_anew(self.first or min(days), self.last or max(days))


class ParkingOrder(_Order):
    """A draft to take out of a run."""

    run_id: str
    parking: Parking


class Abandonment(_Order):
    """A run that ends without issuing anything, and why."""

    run_id: str
    why: str


class Withdrawal(_Order):
    """A review that is not waited for any more, and why."""

    op_key: str
    why: str


# So many disagreeing days are named in the hand-over; the findings themselves are in the database.
_EXAMPLES = 3


@dataclass(frozen=True)
class MonthEnds:
    """The verbs of a billing run, from its opening to its close; each names its run and may be repeated."""

    runs: BillingRuns
    reviews: RunReviews
    rollups: RollUps
    holds: Holds
    policies: PolicyShelf
    now: Now

    @activity.defn(name="open_billing_run", no_thread_cancel_exception=True)
    def open(self, start: RunStart) -> BillingRun:
        """Open the run under the policy in force; repeating it finds the same run. INVALID and CONFLICT turn it away."""
        return self.runs.open(start.order, start.workflow_run_id, self.policies.month_end(), self.now())

    @activity.defn(name="look_for_holds", no_thread_cancel_exception=True)
    def held(self, effect: HeldEffect) -> tuple[Hold, ...]:
        """The holds in force that stop the effect for everybody."""
        return tuple(hold for hold in self.holds.in_force(effect) if hold.for_everybody)

    @activity.defn(name="preflight_billing_run", no_thread_cancel_exception=True)
    def preflight(self, run_id: str) -> Preflight:
        """Look at everything a run depends on."""
        return self.runs.preflight(run_id)

    @activity.defn(name="close_period_for_usage", no_thread_cancel_exception=True)
    def close_usage(self, run_id: str) -> datetime:
        """Answer the one cutoff that meter, invoicer and reconciler share."""
        return self.runs.close_usage(run_id, self.now())

    @activity.defn(name="roll_up_usage", no_thread_cancel_exception=True)
    def roll_up(self, days: DaysToRollUp) -> RolledUp:
        """Bring every roll-up up to date and hold those of the period against the raw events (D14)."""
        made = self.rollups.bring_up_to_date(activity.heartbeat)
        findings = self.rollups.validate(days.first, days.end, activity.heartbeat)
        wrong = [finding.day for finding in findings]
        return RolledUp(
            made=made,
            disagreeing=len(findings),
            examples=findings[:_EXAMPLES],
            first=min(wrong, default=None),
            last=max(wrong, default=None),
        )

    @activity.defn(name="next_shards", no_thread_cancel_exception=True)
    def shards(self, page: Page) -> tuple[Shard, ...]:
        """The next ranges to rate, to finalise, or to run an errand for; none at the end."""
        if page.errand is None:
            return self.runs.shards(page.run_id, page.after, page.count)
        return self.runs.documents(page.run_id, page.errand, page.after, page.count)

    @activity.defn(name="count_waiting_documents", no_thread_cancel_exception=True)
    def waiting(self, page: Page) -> int:
        """How many documents of the period still need the page's errand."""
        return self.runs.waiting(page.run_id, page.errand) if page.errand else 0

    @activity.defn(name="rate_shard", no_thread_cancel_exception=True)
    def rate(self, work: ShardOrder) -> ShardResult:
        """Make the drafts of one shard, in one transaction (B2)."""
        return self.runs.rate(work.run_id, work.shard, activity.heartbeat)

    @activity.defn(name="check_billing_run", no_thread_cancel_exception=True)
    def check(self, run_id: str) -> RunReport:
        """Hold the drafts against the safety bounds and sum them up."""
        return self.runs.check(run_id)

    @activity.defn(name="propose_billing_run", no_thread_cancel_exception=True)
    def propose(self, review: RunReview) -> RunReview:
        """Freeze the report as what finance is asked about; the same revision proposes the same again."""
        return self.reviews.propose(review)

    @activity.defn(name="withdraw_billing_run", no_thread_cancel_exception=True)
    def withdraw(self, withdrawal: Withdrawal) -> None:
        """Take an unanswered review back, with its question."""
        self.reviews.withdraw(withdrawal.op_key, withdrawal.why)

    @activity.defn(name="release_billing_run", no_thread_cancel_exception=True)
    def release(self, run_id: str) -> None:
        """Last look before documents are issued: raises NOT_APPROVED or STALE_DECISION unless the drafts, as they stand
        now, pass by themselves or are exactly what finance approved."""
        self.reviews.release(run_id, self.runs.check(run_id))

    @activity.defn(name="finalise_shard", no_thread_cancel_exception=True)
    def finalise(self, work: ShardOrder) -> ShardResult:
        """Issue the drafts of one shard, in one transaction."""
        return self.runs.finalise(work.run_id, work.shard, self.now(), activity.heartbeat)

    @activity.defn(name="park_draft", no_thread_cancel_exception=True)
    def park(self, order: ParkingOrder) -> None:
        """Take one draft out of the run."""
        self.runs.park(order.run_id, order.parking)

    @activity.defn(name="abandon_billing_run", no_thread_cancel_exception=True)
    def abandon(self, abandonment: Abandonment) -> None:
        """Remove the drafts, so that another run can begin."""
        self.runs.abandon(abandonment.run_id, abandonment.why, self.now())

    @activity.defn(name="close_billing_run", no_thread_cancel_exception=True)
    def close(self, report: RunReport) -> None:
        """Put the run's report on record and end it."""
        self.runs.close(report.run_id, report, self.now())
