"""Billing months, service periods and local days: always half-open, always in the tenant's zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, model_validator

# ASCII digits of years that calendars can compute with: neither the year 0 nor the month after 9999-12 exists.
_MONTH = re.compile(r"(?P<year>[12][0-9]{3})-(?P<month>0[1-9]|1[0-2])")


def known_month(text: str) -> str:
    """Return a `yyyy-mm` billing month unchanged; raises ValueError naming the text when it is none."""
    if not _MONTH.fullmatch(text):
        raise ValueError(f"billing period {text!r} is not a month: write it as yyyy-mm, for example 2026-10")
    return text


def known_zone(name: str) -> str:
    """Return an IANA zone name unchanged; raises ValueError when the time-zone database does not know it."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"time zone {name!r} is unknown: use an IANA name such as Europe/Berlin") from None
    return name


BillingMonth = Annotated[str, AfterValidator(known_month)]
ZoneName = Annotated[str, AfterValidator(known_zone)]


class Span(BaseModel):
    """A half-open stretch of time `[start, end)`; both ends carry a zone and are kept in UTC."""

    model_config = ConfigDict(frozen=True)

    start: AwareDatetime
    end: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"a span must end after it starts: {self.start.isoformat()} to {self.end.isoformat()}")
        return self

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def length(self) -> timedelta:
        """The time that really passes: an hour more or less than the wall clock shows where clocks are changed."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class DaySpan:
    """Calendar days `[first, end)` of one zone, whichever it is."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.first:
            raise ValueError(f"days must end after they begin: {self.first} to {self.end}")

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.end

    @property
    def days(self) -> int:
        """How many days there are, each of them whole."""
        return (self.end - self.first).days

    @property
    def last(self) -> date:
        """The last day inside, as a person would name it."""
        return self.end - timedelta(days=1)


def service_days(month: str, anchor_day: int = 1) -> DaySpan:
    """The local days of a service period, which is named after the month of its last day (B1).

    It begins on the `anchor_day`, or on a short month's last day, and ends before the next one: with anchor 1 it is the
    calendar month, with anchor 15 `2026-10` is 15 September to 14 October.
    """
    first = _first_of(month)
    if anchor_day == 1:
        return DaySpan(first, _next_month(first))
    before = (first - timedelta(days=1)).replace(day=1)
    return DaySpan(_anchored(before, anchor_day), _anchored(first, anchor_day))


def service_span(month: str, zone: str, anchor_day: int = 1) -> Span:
    """The service period as moments: local midnight to local midnight in `zone`, returned in UTC."""
    days = service_days(month, anchor_day)
    return Span(start=local_midnight(days.first, zone), end=local_midnight(days.end, zone))


def month_after(month: str) -> str:
    """The billing month that follows."""
    return f"{_next_month(_first_of(month)):%Y-%m}"


def month_before(month: str) -> str:
    """The billing month before."""
    return f"{_first_of(month) - timedelta(days=1):%Y-%m}"


def _first_of(month: str) -> date:
    match = _MONTH.fullmatch(known_month(month))
    assert match is not None  # noqa: S101 - known_month has just checked it
    return date(int(match["year"]), int(match["month"]), 1)


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _anchored(first: date, anchor_day: int) -> date:
    """The anchor day in the month of `first`, kept in mind over short months."""
    last = (_next_month(first) - timedelta(days=1)).day
    return first.replace(day=min(anchor_day, last))


def local_midnight(day: date, zone: str) -> datetime:
    """The moment in UTC at which `day` begins in `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_day(moment: datetime, zone: str) -> date:
    """The calendar day of an aware `moment` in `zone`."""
    return moment.astimezone(ZoneInfo(zone)).date()


def trailing(span: Span, days: int) -> Span:
    """The `days` days that end where `span` starts: the baseline a period is compared with."""
    return Span(start=span.start - timedelta(days=days), end=span.start)
