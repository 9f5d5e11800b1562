"""A clock loses no time and invents none, whatever pauses it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.calendars import BusinessCalendar
from billing.clocks import Clock, Milestone
from billing.policy.sla import Budget, Counts
from billing.policy.standard import STANDARD
from billing.tenants import Tier

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
UTC_CALENDAR = BusinessCalendar.without_holidays("UTC")
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


def clock(amount: timedelta = 72 * HOUR, counts: Counts = Counts.EVERY_HOUR) -> Clock:
    return Clock(name="resolution", budget=Budget(amount=amount, counts=counts), warn_at=Decimal("0.75"))


def test_ten_hours_run_ten_days_paused_ten_hours_run_leave_fifty_two_of_seventy_two() -> None:
    running = clock().started(MONDAY)

    paused = running.stopped(MONDAY + 10 * HOUR, UTC_CALENDAR)
    again = paused.started(MONDAY + 10 * HOUR + 10 * DAY)
    later = MONDAY + 20 * HOUR + 10 * DAY

    assert again.spent(later, UTC_CALENDAR) == 20 * HOUR
    assert again.due(UTC_CALENDAR) == later + 52 * HOUR
    assert paused.due(UTC_CALENDAR) is None


def test_a_warning_comes_at_three_quarters_and_the_breach_at_the_end() -> None:
    running = clock().started(MONDAY)

    warning = running.next_milestone(UTC_CALENDAR)
    breach = running.marked(Milestone.WARNING).next_milestone(UTC_CALENDAR)
    nothing_more = running.marked(Milestone.BREACH).next_milestone(UTC_CALENDAR)

    assert warning == (Milestone.WARNING, MONDAY + 54 * HOUR)
    assert breach == (Milestone.BREACH, MONDAY + 72 * HOUR)
    assert nothing_more is None


@pytest.mark.parametrize(
    ("hours", "reached", "late"),
    [
        (53, None, None),
        (54, None, Milestone.WARNING),
        (54, Milestone.WARNING, None),
        (72, None, Milestone.BREACH),
        (72, Milestone.WARNING, Milestone.BREACH),
        (72, Milestone.BREACH, None),
    ],
)
def test_what_a_clock_has_passed_unnoticed_is_the_gravest_of_it(
    hours: int, reached: Milestone | None, late: Milestone | None
) -> None:
    running = clock().started(MONDAY)
    noticed = running.marked(reached) if reached else running

    assert noticed.late(MONDAY + hours * HOUR, UTC_CALENDAR) is late
    assert noticed.stopped(MONDAY + hours * HOUR, UTC_CALENDAR).late(MONDAY + 99 * HOUR, UTC_CALENDAR) is None


def test_re_opening_keeps_what_was_consumed_and_what_was_announced() -> None:
    met = clock().started(MONDAY).marked(Milestone.WARNING).met(MONDAY + 60 * HOUR, UTC_CALENDAR)

    reopened = met.reopened().started(MONDAY + 30 * DAY)

    assert reopened.spent(MONDAY + 30 * DAY, UTC_CALENDAR) == 60 * HOUR
    assert reopened.next_milestone(UTC_CALENDAR) == (Milestone.BREACH, MONDAY + 30 * DAY + 12 * HOUR)


def test_another_policy_changes_the_budget_and_forgets_no_time() -> None:
    running = clock(72 * HOUR).started(MONDAY).marked(Milestone.WARNING)
    paused = running.stopped(MONDAY + 60 * HOUR, UTC_CALENDAR)

    longer = paused.under(Budget(amount=96 * HOUR)).started(MONDAY + 60 * HOUR)

    assert longer.spent(MONDAY + 60 * HOUR, UTC_CALENDAR) == 60 * HOUR
    assert longer.next_milestone(UTC_CALENDAR) == (Milestone.WARNING, MONDAY + 72 * HOUR)


def test_meeting_a_clock_twice_keeps_the_first_moment() -> None:
    once = clock().started(MONDAY).met(MONDAY + HOUR, UTC_CALENDAR)

    twice = once.met(MONDAY + 9 * HOUR, UTC_CALENDAR)

    assert twice == once
    assert twice.started(MONDAY + 10 * HOUR) == once


def test_five_business_days_of_a_pro_tenant_end_a_week_later() -> None:
    budget = STANDARD.sla.commitments[Tier.PRO].resolution
    running = clock(budget.amount, budget.counts).started(MONDAY)

    due = running.due(UTC_CALENDAR)

    assert due == MONDAY + 7 * DAY


@pytest.mark.parametrize(
    ("tier", "expected_hours"),
    [
        (Tier.ENTERPRISE, {"initial response": 4, "investigation": 48, "resolution": 72}),
        (Tier.PRO, {"initial response": 4, "investigation": 72, "resolution": 120}),
        (Tier.FREE, {"initial response": 4, "investigation": 7 * 24, "resolution": 14 * 24}),
    ],
)
def test_every_tier_has_the_clocks_of_the_runbook(tier: Tier, expected_hours: dict[str, int]) -> None:
    stage_targets = {"triage": 24, "data collection": 48, "root cause": 72}

    budgets = STANDARD.sla.budgets(tier)

    assert {name: budget.amount / HOUR for name, budget in budgets.items()} == expected_hours | stage_targets


stretches = st.lists(st.tuples(st.timedeltas(timedelta(0), DAY), st.timedeltas(timedelta(0), DAY)), max_size=8)


@given(stretches=stretches, counts=st.sampled_from(Counts))
def test_consumed_time_is_the_sum_of_the_stretches_it_ran(
    stretches: list[tuple[timedelta, timedelta]], counts: Counts
) -> None:
    subject, now, expected = clock(100 * DAY, counts), MONDAY, timedelta(0)

    for running, paused in stretches:
        subject = subject.started(now)
        expected += UTC_CALENDAR.passed(counts, now, now + running)
        subject = subject.stopped(now + running, UTC_CALENDAR)
        now += running + paused

    assert subject.spent(now, UTC_CALENDAR) == expected
