from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from billing.periods import Span, known_month, known_zone, local_day, local_midnight, service_span, trailing

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
]


@pytest.mark.parametrize(
    ("month", "zone", "start", "end", "hours"),
    [
        ("2026-10", "UTC", "2026-10-01T00:00", "2026-11-01T00:00", 744),
        ("2026-10", "Europe/Berlin", "2026-09-30T22:00", "2026-10-31T23:00", 745),
        ("2026-03", "Europe/Berlin", "2026-02-28T23:00", "2026-03-31T22:00", 743),
        ("2026-03", "America/Los_Angeles", "2026-03-01T08:00", "2026-04-01T07:00", 743),
        ("2026-12", "Asia/Tokyo", "2026-11-30T15:00", "2026-12-31T15:00", 744),
        ("2024-02", "UTC", "2024-02-01T00:00", "2024-03-01T00:00", 696),
    ],
)
def test_a_billing_month_runs_from_local_midnight_to_local_midnight(
    month: str, zone: str, start: str, end: str, hours: int
) -> None:
    span = service_span(month, zone)

    assert span.start == datetime.fromisoformat(f"{start}+00:00")
    assert span.end == datetime.fromisoformat(f"{end}+00:00")
    assert span.length == timedelta(hours=hours)


def test_usage_around_a_month_end_in_summer_time_belongs_to_the_month_on_the_wall() -> None:
    los_angeles = [service_span(f"2015-0{month}", "America/Los_Angeles") for month in (3, 4, 5)]
    on_the_wall = ["2015-03-31T23:59-07:00", "2015-04-01T00:00-07:00", "2015-04-30T23:59-07:00"]

    months = [[moment in span for span in los_angeles] for moment in map(datetime.fromisoformat, on_the_wall)]

    assert months == [[True, False, False], [False, True, False], [False, True, False]]


@given(st.integers(1, 11), st.integers(1990, 2080), st.sampled_from(ZONES))
def test_each_month_begins_where_the_one_before_it_ends(month: int, year: int, zone: str) -> None:
    this, following = service_span(f"{year}-{month:02}", zone), service_span(f"{year}-{month + 1:02}", zone)

    assert this.end == following.start
    assert this.end not in this
    assert this.end in following


@pytest.mark.parametrize(
    "text",
    [
        "2026-13",
        "2026-00",
        "2026-1",
        "26-10",
        "2026-10-01",
        "october",
        "",
        "２０２６-10",
        "2026-10\n",
        "0000-01",
        "9999-12",
    ],
)
def test_what_is_no_month_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a month: write it as yyyy-mm"):
        known_month(text)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Berlin"])
def test_an_unknown_zone_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match="is unknown: use an IANA name such as Europe/Berlin"):
        known_zone(name)


def test_a_span_without_length_or_zone_is_refused() -> None:
    moment = datetime(2026, 10, 1, tzinfo=UTC)

    with pytest.raises(ValidationError, match="a span must end after it starts"):
        Span(start=moment, end=moment)
    with pytest.raises(ValidationError, match="timezone"):
        Span(start=moment.replace(tzinfo=None), end=moment)


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-10-31T23:30", "Europe/Berlin", date(2026, 11, 1)),
        ("2026-10-31T23:30", "America/Los_Angeles", date(2026, 10, 31)),
        ("2026-10-31T15:00", "Asia/Tokyo", date(2026, 11, 1)),
    ],
)
def test_a_moment_falls_on_the_day_of_its_zone(moment: str, zone: str, day: date) -> None:
    assert local_day(datetime.fromisoformat(f"{moment}+00:00"), zone) == day


@given(st.dates(date(1990, 1, 1), date(2080, 1, 1)), st.sampled_from(ZONES[:-1]))
def test_a_local_midnight_opens_its_own_day(day: date, zone: str) -> None:
    midnight = local_midnight(day, zone)

    assert local_day(midnight, zone) == day
    assert local_day(midnight - timedelta(microseconds=1), zone) == day - timedelta(days=1)


def test_the_baseline_ends_where_the_period_starts() -> None:
    october = service_span("2026-10", "UTC")

    assert trailing(october, 28) == Span(start=datetime(2026, 9, 3, tzinfo=UTC), end=october.start)
