"""The verbs of the daily usage validation: bring roll-ups up to date, hold them against the events, count what waits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from temporalio import activity

from activities.invoicing_ports import RollUps
from billing.policy.usage_intake import UsageIntakePolicy
from billing.usage import RepeatedEvent, UsageDay
from billing.usage_validation import UsageReport

_EXAMPLES = 10


class UsageTotals(Protocol):
    """Where a day's usage is added up from: the raw events in Postgres, or another store that has them."""

    def day_totals(self, zone: str, tenants: Sequence[str], first: date, end: date) -> Iterator[UsageDay]:
        """One total for each of the tenants, each meter and each local day in `[first, end)` of `zone` that has events,
        by tenant, meter and day."""


class UsageWatch(Protocol):
    """What else about stored usage may need a person."""

    def repeated(self, first: date, end: date, limit: int) -> tuple[int, tuple[RepeatedEvent, ...]]:
        """Ids stored under several times within the UTC days `[first, end)`: how many, and the first of them."""

    def waiting(self) -> int:
        """How many rows in quarantine nobody has settled."""


@dataclass(frozen=True)
class UsageChecks:
    """The verbs; the policy says how far back a validation looks."""

    rollups: RollUps
    watch: UsageWatch
    policy: UsageIntakePolicy

    @activity.defn(name="bring_roll_ups_up_to_date", no_thread_cancel_exception=True)
    def bring_up_to_date(self, day: date) -> int:
        """Roll up whatever was touched; answers how many days of tenants and meters. `day` is the validation's."""
        return self.rollups.bring_up_to_date(activity.heartbeat)

    @activity.defn(name="validate_usage", no_thread_cancel_exception=True)
    def validate(self, day: date) -> UsageReport:
        """Hold the days before `day` against the raw events, record what disagrees, and say what else waits."""
        first = day - timedelta(days=self.policy.validated_days)
        findings = self.rollups.validate(first, day, activity.heartbeat)
        repeated, events = self.watch.repeated(first, day, _EXAMPLES)
        return UsageReport(
            first=first,
            end=day,
            made=0,
            disagreeing=len(findings),
            findings=findings[:_EXAMPLES],
            repeated=repeated,
            repeated_events=events,
            waiting=self.watch.waiting(),
        )
