"""Working time passes only when it should, in the tenant's zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.calendars import BusinessCalendar
from billing.policy.sla import Counts

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = BusinessCalendar(zone="Europe/Berlin", holidays=(date(2026, 12, 25),))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("opened", "amount", "due"),
    [
        ("2026-11-18T15:00", 5 * DAY, "2026-11-25T15:00"),  # Wednesday: five business days later is Wednesday
        ("2026-11-20T09:00", DAY, "2026-11-23T09:00"),  # Friday morning runs over the weekend
        ("2026-11-21T12:00", DAY, "2026-11-24T00:00"),  # opened on a Saturday: Monday is the whole day
        ("2026-11-20T00:00", DAY, "2026-11-21T00:00"),  # used up exactly at midnight: due then, not on Monday
        ("2026-12-24T18:00", DAY, "2026-12-28T18:00"),  # Christmas Day is a holiday, then a weekend
        ("2026-10-23T12:00", DAY, "2026-10-26T12:00"),  # the clocks go back on that Sunday: no business hour moves
    ],
)
def test_business_days_skip_weekends_and_holidays(opened: str, amount: timedelta, due: str) -> None:
    start = berlin(opened)

    found = BERLIN.after(Counts.BUSINESS_DAYS, start, amount)

    assert found == berlin(due)
    assert found.tzinfo is UTC


def test_a_business_day_of_one_zone_is_not_that_of_another() -> None:
    sunday_evening_in_new_york = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)

    in_tokyo = BusinessCalendar.without_holidays("Asia/Tokyo")
    in_new_york = BusinessCalendar.without_holidays("America/New_York")

    assert in_tokyo.passed(Counts.BUSINESS_DAYS, sunday_evening_in_new_york, sunday_evening_in_new_york + HOUR) == HOUR
    assert not in_new_york.passed(Counts.BUSINESS_DAYS, sunday_evening_in_new_york, sunday_evening_in_new_york + HOUR)


def test_four_hours_from_friday_afternoon_count_every_hour_of_the_weekend() -> None:
    friday = berlin("2026-11-20T22:00")

    due = BERLIN.after(Counts.EVERY_HOUR, friday, 4 * HOUR)

    assert due == berlin("2026-11-21T02:00")


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 - the zone is set
amounts = st.timedeltas(timedelta(minutes=1), 20 * DAY)


@given(start=moments, amount=amounts, counts=st.sampled_from(Counts))
def test_what_is_due_has_exactly_its_amount_of_time_before_it(
    start: datetime, amount: timedelta, counts: Counts
) -> None:
    due = BERLIN.after(counts, start, amount)

    assert BERLIN.passed(counts, start, due) == amount


@given(start=moments, first=amounts, second=amounts, counts=st.sampled_from(Counts))
def test_time_of_two_stretches_adds_up(start: datetime, first: timedelta, second: timedelta, counts: Counts) -> None:
    between, end = start + first, start + first + second

    whole = BERLIN.passed(counts, start, end)

    assert BERLIN.passed(counts, start, between) + BERLIN.passed(counts, between, end) == whole
