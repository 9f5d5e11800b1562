"""Debts and standings for the tests of dunning, and a case played by the calendar as the runbook plays it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from billing.calendars import BusinessCalendar
from billing.delinquency import Debt, Standing
from billing.ladder import next_action, opened, performed
from billing.money import Money
from billing.policy.dunning import DUNNING, DunningPolicy
from billing.tenants import Tier

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# A Monday morning in the customer's office.
FAILED = datetime(2026, 3, 2, 10, tzinfo=UTC)
BERLIN = BusinessCalendar.without_holidays("Europe/Berlin")


def day(number: float) -> datetime:
    """So many days after the payment failed."""
    return FAILED + number * DAY


def debt(
    invoice: str = "in-1", since: float = 0, *, net: int = 12_000, disputed: bool = False, usage_only: bool = False
) -> Debt:
    """An unpaid invoice, overdue since a day of the story."""
    return Debt(
        invoice_id=invoice,
        number=invoice.upper(),
        since=day(since),
        net=Money(minor=net, currency="USD"),
        disputed=disputed,
        usage_only=usage_only,
    )


def case(
    tier: Tier = Tier.PRO,
    *debts: Debt,
    at: float = 0,
    calendar: BusinessCalendar = BERLIN,
    policy: DunningPolicy = DUNNING,
) -> Standing:
    """A case opened on a day of the story."""
    return opened(tier, calendar, debts or (debt(),), day(at), policy)


class Story:
    """A case on the ladder whose worker is always there; `lines` is what it did, dated in days since the failure."""

    def __init__(self, standing: Standing, at: float = 0, policy: DunningPolicy = DUNNING) -> None:
        self.standing, self.now, self.policy = standing, day(at), policy
        self.lines: list[str] = []

    def until(self, number: float) -> Story:
        """Do everything that is due up to and with this day."""
        while (action := next_action(self.standing, self.policy, self.now)) and action.at <= day(number):
            self.now = max(self.now, action.at)
            self.standing = performed(self.standing, action, self.now, self.policy)
            self.lines.append(f"{(self.now - FAILED) / DAY:g} {action.name}")
        self.now = day(number)
        return self

    def asleep_until(self, number: float) -> Story:
        """Let time pass while nobody works."""
        self.now = day(number)
        return self


def story(tier: Tier = Tier.PRO, *debts: Debt, until: float, at: float = 0, policy: DunningPolicy = DUNNING) -> Story:
    """A case that is opened and left alone until a day."""
    return Story(case(tier, *debts, at=at, policy=policy), at, policy).until(until)


def service(lines: Sequence[str]) -> list[str]:
    """Of what was done, that which changed the service or warned of it."""
    rungs = ("final-warning", "grace", "rate-limited", "blocked", "suspended", "awaiting-deletion")
    return [line for line in lines if line.split()[1].startswith(rungs)]
