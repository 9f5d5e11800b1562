"""Service periods by anchor day (B1): short months, leap years and clock changes neither lose nor repeat a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.periods import DaySpan, local_day, month_after, month_before, service_days, service_span
from tests.billing.world import tenant

MONTHS = st.dates(date(1990, 2, 1), date(2090, 1, 1)).map(lambda day: f"{day:%Y-%m}")
ANCHORS = st.integers(min_value=1, max_value=31)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/Sao_Paulo",
]


@pytest.mark.parametrize(
    ("month", "anchor_day", "first", "last"),
    [
        ("2026-10", 1, "2026-10-01", "2026-10-31"),
        ("2026-10", 15, "2026-09-15", "2026-10-14"),
        ("2026-01", 15, "2025-12-15", "2026-01-14"),
        ("2011-02", 13, "2011-01-13", "2011-02-12"),
        ("2024-02", 1, "2024-02-01", "2024-02-29"),
        ("2023-02", 1, "2023-02-01", "2023-02-28"),
        ("2024-02", 31, "2024-01-31", "2024-02-28"),
        ("2024-03", 31, "2024-02-29", "2024-03-30"),
        ("2024-04", 31, "2024-03-31", "2024-04-29"),
        ("2024-05", 31, "2024-04-30", "2024-05-30"),
        ("2023-02", 30, "2023-01-30", "2023-02-27"),
        ("2023-03", 30, "2023-02-28", "2023-03-29"),
        ("2024-03", 29, "2024-02-29", "2024-03-28"),
    ],
)
def test_a_period_runs_from_one_anchor_day_to_the_eve_of_the_next(
    month: str, anchor_day: int, first: str, last: str
) -> None:
    """Correctness cases 1, 16, 18 and 21: the anchor survives February and comes back in March."""
    days = service_days(month, anchor_day)

    assert (days.first.isoformat(), days.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    ("month", "anchor_day", "days"),
    [("2011-02", 13, 31), ("2012-02", 1, 29), ("2011-02", 1, 28), ("2024-02", 31, 29), ("2026-11", 1, 30)],
)
def test_a_period_has_the_days_it_has_and_never_thirty_by_convention(month: str, anchor_day: int, days: int) -> None:
    """Correctness cases 1 and 4: 12 of 31 days in February with anchor 13, 14 of 29 in a leap February."""
    assert service_days(month, anchor_day).days == days


@pytest.mark.parametrize(
    ("zone", "month", "hours"),
    [
        ("America/Los_Angeles", "2015-03", 31 * 24 - 1),
        ("America/Los_Angeles", "2015-11", 30 * 24 + 1),
        ("Europe/Berlin", "2026-10", 31 * 24 + 1),
        ("Asia/Tokyo", "2026-10", 31 * 24),
    ],
)
def test_a_change_of_clocks_changes_the_hours_of_a_period_and_not_its_days(zone: str, month: str, hours: int) -> None:
    span = service_span(month, zone)

    assert span.length == timedelta(hours=hours)


def test_a_period_that_begins_where_clocks_skip_an_hour_is_followed_by_ordinary_ones() -> None:
    """Correctness case 23: anchored on 8 March 2015 in Los Angeles, charged through 8 April, 8 May and so on."""
    california = tenant(zone="America/Los_Angeles", anchor_day=8)

    starts = [california.service_period(month).start for month in ("2015-04", "2015-05", "2015-06")]

    assert starts == [
        datetime(2015, 3, 8, 8, tzinfo=UTC),
        datetime(2015, 4, 8, 7, tzinfo=UTC),
        datetime(2015, 5, 8, 7, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("local", "month"),
    [
        ("2015-03-31T23:59:00-07:00", "2015-03"),
        ("2015-04-01T00:00:00-07:00", "2015-04"),
        ("2015-04-30T23:59:00-07:00", "2015-04"),
        ("2015-05-01T00:00:00-07:00", "2015-05"),
    ],
)
def test_usage_at_the_edge_of_a_month_belongs_to_the_month_of_its_local_clock(local: str, month: str) -> None:
    """Correctness case 25."""
    california = tenant(zone="America/Los_Angeles")

    assert datetime.fromisoformat(local) in california.service_period(month)


@given(MONTHS, ANCHORS)
def test_periods_follow_each_other_without_a_gap_or_a_shared_day(month: str, anchor_day: int) -> None:
    days, following = service_days(month, anchor_day), service_days(month_after(month), anchor_day)

    assert days.end == following.first
    assert 28 <= days.days <= 31
    assert f"{days.last:%Y-%m}" == month
    assert month_before(month_after(month)) == month


@given(MONTHS, ANCHORS, st.sampled_from(ZONES))
def test_a_period_is_made_of_whole_local_days(month: str, anchor_day: int, zone: str) -> None:
    days, span = service_days(month, anchor_day), service_span(month, zone, anchor_day)

    assert local_day(span.start, zone) == days.first
    assert local_day(span.end - timedelta(microseconds=1), zone) == days.last


def test_days_without_length_are_refused() -> None:
    with pytest.raises(ValueError, match="days must end after they begin: 2026-10-02 to 2026-10-02"):
        DaySpan(date(2026, 10, 2), date(2026, 10, 2))


@pytest.mark.parametrize("anchor_day", [0, 32, -1])
def test_a_day_that_no_month_has_is_no_anchor(anchor_day: int) -> None:
    with pytest.raises(ValueError, match="anchor_day"):
        tenant(anchor_day=anchor_day)
