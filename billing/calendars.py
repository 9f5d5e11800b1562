"""Working time in a tenant's zone: which days are business days, how much working time passes between two moments."""

from datetime import UTC, date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from billing.periods import ZoneName, local_midnight
from billing.policy.sla import Counts

_SATURDAY = 5


class BusinessCalendar(BaseModel):
    """Mondays to Fridays without `holidays`, in `zone`; read once when a case opens, so that history pins it."""

    model_config = ConfigDict(frozen=True)

    zone: ZoneName
    holidays: tuple[date, ...] = ()

    @classmethod
    def without_holidays(cls, zone: str) -> Self:
        """Every weekday counts; `zone` is an IANA name."""
        return cls(zone=zone)

    def is_business_day(self, day: date) -> bool:
        """Whether a date in the calendar's zone is neither weekend nor holiday."""
        return day.weekday() < _SATURDAY and day not in self.holidays

    def passed(self, counts: Counts, start: datetime, end: datetime) -> timedelta:
        """Time of the counted kind between two aware moments; zero when `end` is not after `start`."""
        if end <= start:
            return timedelta(0)
        if counts is Counts.EVERY_HOUR:
            return end - start
        total = timedelta(0)
        moment = start
        while moment < end:
            until = min(self._end_of_day(moment), end)
            if self.is_business_day(self._day(moment)):
                total += until - moment
            moment = until
        return total

    def after(self, counts: Counts, start: datetime, amount: timedelta) -> datetime:
        """The moment (UTC) at which `amount` of counted time has passed since `start`; `start` itself when none is left.

        An amount used up exactly at the end of a business day is due at that midnight, not on the next business day.
        """
        moment = start.astimezone(UTC)
        if counts is Counts.EVERY_HOUR or amount <= timedelta(0):
            return moment + max(amount, timedelta(0))
        left = amount
        while True:
            until = self._end_of_day(moment)
            if self.is_business_day(self._day(moment)):
                if left <= until - moment:
                    return moment + left
                left -= until - moment
            moment = until

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(self.zone)).date()

    def _end_of_day(self, moment: datetime) -> datetime:
        return local_midnight(self._day(moment) + timedelta(days=1), self.zone)
