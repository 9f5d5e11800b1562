"""Billing months, service periods and local days: always half-open, always in the tenant's zone."""

import re
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


def month_span(month: str, zone: str) -> Span:
    """The service period of a billing month: local midnight to local midnight in `zone`, returned in UTC."""
    match = _MONTH.fullmatch(known_month(month))
    assert match is not None  # noqa: S101 - known_month has just checked it
    first = date(int(match["year"]), int(match["month"]), 1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Span(start=local_midnight(first, zone), end=local_midnight(following, zone))


def local_midnight(day: date, zone: str) -> datetime:
    """The moment in UTC at which `day` begins in `zone`."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_day(moment: datetime, zone: str) -> date:
    """The calendar day of an aware `moment` in `zone`."""
    return moment.astimezone(ZoneInfo(zone)).date()


def trailing(span: Span, days: int) -> Span:
    """The `days` days that end where `span` starts: the baseline a period is compared with."""
    return Span(start=span.start - timedelta(days=days), end=span.start)
