"""At most two dunning mails a week, nothing twice in 48 hours, in office hours only; except what the law requires (P7)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.calendars import BusinessCalendar
from billing.contact_budget import may_send_at
from billing.policy.dunning import DUNNING, Notice

POLICY = DUNNING.contact
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Apia", "UTC"]


def local(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def leaves(zone: str, wanted: str, *sent: str, holidays: tuple[date, ...] = ()) -> str:
    """When a mail leaves, on the clocks of the customer."""
    calendar = BusinessCalendar(zone=zone, holidays=holidays)
    moment = may_send_at([local(zone, one) for one in sent], local(zone, wanted), calendar, POLICY)
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("wanted", "sent", "leaves_at"),
    [
        ("2026-03-02 10:00", [], "2026-03-02 10:00"),
        ("2026-03-02 08:59", [], "2026-03-02 09:00"),
        ("2026-03-02 09:00", [], "2026-03-02 09:00"),
        ("2026-03-02 17:59", [], "2026-03-02 17:59"),
        ("2026-03-02 18:00", [], "2026-03-03 09:00"),
        ("2026-03-02 23:30", [], "2026-03-03 09:00"),
        ("2026-03-06 18:00", [], "2026-03-09 09:00"),
        ("2026-03-07 12:00", [], "2026-03-09 09:00"),
        ("2026-03-08 23:59", [], "2026-03-09 09:00"),
        # Nothing twice in 48 hours, and then only when the office is open.
        ("2026-03-03 10:00", ["2026-03-02 10:00"], "2026-03-04 10:00"),
        ("2026-03-04 09:59", ["2026-03-02 10:00"], "2026-03-04 10:00"),
        ("2026-03-04 10:00", ["2026-03-02 10:00"], "2026-03-04 10:00"),
        ("2026-03-06 10:00", ["2026-03-05 17:00"], "2026-03-09 09:00"),
        ("2026-03-03 10:00", ["2026-03-02 20:00"], "2026-03-05 09:00"),
        # Two in seven days, counted back from each mail, not by calendar week.
        ("2026-03-06 10:00", ["2026-03-02 10:00", "2026-03-04 10:00"], "2026-03-09 10:00"),
        ("2026-03-09 09:59", ["2026-03-02 10:00", "2026-03-04 10:00"], "2026-03-09 10:00"),
        ("2026-03-11 10:00", ["2026-03-02 10:00", "2026-03-04 10:00"], "2026-03-11 10:00"),
        ("2026-03-12 10:00", ["2026-03-05 12:00", "2026-03-09 12:00"], "2026-03-12 12:00"),
        ("2026-03-13 10:00", ["2026-03-06 19:00", "2026-03-09 12:00"], "2026-03-16 09:00"),
        ("2026-03-30 10:00", ["2026-03-02 10:00", "2026-03-04 10:00"], "2026-03-30 10:00"),
    ],
)
def test_a_reminder_leaves_when_it_may(wanted: str, sent: list[str], leaves_at: str) -> None:
    assert leaves("Europe/Berlin", wanted, *sent) == leaves_at


def test_a_holiday_is_no_day_to_write_on() -> None:
    easter = (date(2026, 4, 3), date(2026, 4, 6))

    assert leaves("Europe/Berlin", "2026-04-02 18:00", holidays=easter) == "2026-04-07 09:00"


@pytest.mark.parametrize(
    ("zone", "wanted", "leaves_at"),
    [
        # The night in which the hour from two to three is missing, or comes twice.
        ("Europe/Berlin", "2026-03-28 20:00", "2026-03-30 09:00"),
        ("Europe/Berlin", "2026-10-24 20:00", "2026-10-26 09:00"),
        ("America/New_York", "2026-03-07 20:00", "2026-03-09 09:00"),
        ("America/New_York", "2026-10-30 18:00", "2026-11-02 09:00"),
        # A day that Samoa did not have: after Thursday the 29th came Saturday.
        ("Pacific/Apia", "2011-12-29 18:00", "2012-01-02 09:00"),
    ],
)
def test_nine_oclock_is_nine_on_the_customers_clock_whatever_they_are_set_to(
    zone: str, wanted: str, leaves_at: str
) -> None:
    assert leaves(zone, wanted) == leaves_at


def test_forty_eight_hours_are_hours_when_the_clocks_change() -> None:
    # Summer ends in the night to Sunday the 25th, so that its 48 hours are over an hour earlier on the wall.
    assert leaves("Europe/Berlin", "2026-10-26 09:00", "2026-10-24 12:00") == "2026-10-26 11:00"


@pytest.mark.parametrize("notice", Notice)
def test_only_reminders_and_further_failures_wait(notice: Notice) -> None:
    saturday_night = local("Europe/Berlin", "2026-03-07 23:00")
    just_before = [saturday_night - HOUR, saturday_night - 2 * HOUR]

    leaves_at = may_send_at(
        just_before,
        saturday_night,
        BusinessCalendar.without_holidays("Europe/Berlin"),
        POLICY,
        legally_required=notice in POLICY.required,
    )

    waits = notice in (Notice.REMINDER, Notice.ANOTHER_PAYMENT_FAILED)
    assert (leaves_at > saturday_night) is waits


def test_the_sandbox_has_no_office_hours_and_keeps_the_distances() -> None:
    fast = POLICY.accelerated(1_800)
    night = datetime(2026, 3, 8, 3, tzinfo=UTC)

    leaves_at = may_send_at([night], night, BusinessCalendar.without_holidays("UTC"), fast)

    assert leaves_at == night + 48 * HOUR / 1_800


histories = st.lists(st.integers(0, 60 * 24 * 60), max_size=12)


@given(st.sampled_from(ZONES), st.integers(0, 24 * 60 * 400), histories, st.lists(st.integers(0, 60), max_size=20))
def test_every_mail_that_leaves_keeps_the_whole_budget(
    zone: str, minutes: int, ago: list[int], holidays: list[int]
) -> None:
    wanted = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    free = tuple(sorted({(wanted + days * DAY).date() for days in holidays}))
    calendar = BusinessCalendar(zone=zone, holidays=free)
    sent = [wanted - timedelta(minutes=one) for one in ago]

    moment = may_send_at(sent, wanted, calendar, POLICY)
    on_the_wall = moment.astimezone(ZoneInfo(zone))

    assert moment >= wanted
    assert POLICY.opens <= on_the_wall.time() < POLICY.closes
    assert calendar.is_business_day(on_the_wall.date())
    assert all(moment - one >= POLICY.apart for one in sent)
    assert sum(moment - one < POLICY.within for one in sent) < POLICY.at_most
    assert may_send_at(sent, moment, calendar, POLICY) == moment
