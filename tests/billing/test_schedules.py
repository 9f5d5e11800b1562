"""A schedule's time of day is one that every day has exactly once, wherever clocks are changed."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from billing.month_end import month_before, not_over, over_since
from billing.schedules import objection_to_time, unsafe_days

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "zone", "day"),
    [
        (time(2, 30), "America/New_York", date(2027, 3, 14)),  # skipped
        (time(1, 30), "America/New_York", date(2027, 11, 7)),  # repeated
        (time(2, 0), "Europe/Berlin", date(2027, 3, 28)),
        (time(2, 59), "Europe/Berlin", date(2027, 3, 28)),
        (time(1, 45), "Australia/Lord_Howe", date(2027, 4, 4)),  # by half an hour
    ],
)
def test_a_time_that_clocks_skip_or_repeat_is_refused_with_the_day(at: time, zone: str, day: date) -> None:
    words = objection_to_time(at, zone, NOW)

    assert words is not None
    assert f"{at:%H:%M} in {zone} is skipped or repeated on {day}" in words


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "America/Sao_Paulo"])
def test_six_in_the_morning_is_safe(zone: str) -> None:
    assert objection_to_time(time(6), zone, NOW) is None


def test_a_zone_that_changes_no_clock_has_no_unsafe_hour() -> None:
    found = [list(unsafe_days(time(hour), "Asia/Kolkata", date(2026, 1, 1))) for hour in range(24)]

    assert found == [[]] * 24


@pytest.mark.parametrize(
    ("moment", "zone", "month"),
    [
        ("2026-11-01T05:00+00:00", "Europe/Berlin", "2026-10"),
        ("2026-10-31T23:30+00:00", "Europe/Berlin", "2026-10"),  # half past midnight of the first there
        ("2026-10-31T23:30+00:00", "UTC", "2026-09"),
        ("2027-01-01T06:00+00:00", "UTC", "2026-12"),
        ("2026-11-30T23:59+00:00", "America/New_York", "2026-10"),
    ],
)
def test_a_run_bills_the_month_that_ended_last_where_months_end(moment: str, zone: str, month: str) -> None:
    assert month_before(datetime.fromisoformat(moment), zone) == month


def test_a_period_can_be_billed_from_the_midnight_after_it() -> None:
    over = over_since("2026-10", "America/New_York")

    assert over == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert not_over("2026-10", "America/New_York", over) is None
    assert not_over("2026-10", "America/New_York", over - timedelta(seconds=1)) == (
        "period 2026-10 is not over: it can be billed from 2026-11-01 00:00 America/New_York (04:00 UTC) on"
    )


def test_a_period_in_the_future_has_not_begun() -> None:
    words = not_over("2027-03", "UTC", NOW)

    assert words == "period 2027-03 has not begun: it can be billed from 2027-04-01 00:00 UTC (00:00 UTC) on"
