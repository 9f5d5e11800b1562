"""The service periods of a billing month: one for each anchor day a tenant may have, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from billing.periods import DaySpan, month_after, month_before, service_days

ANCHOR_DAYS = range(1, 32)


@dataclass(frozen=True)
class Calendar:
    """Service periods by anchor day (index 0 is day 1): of the month that is billed and of the one that follows."""

    period: str
    days: tuple[DaySpan, ...]
    following: tuple[DaySpan, ...]

    @property
    def previous_period(self) -> str:
        """The month before, such as 2026-09 for 2026-10; the run's totals are compared with it."""
        return month_before(self.period)

    @property
    def edges(self) -> dict[str, list[date]]:
        """Parameters for SQL, each to be indexed by `anchor_day`: where the period starts and ends, and the next one."""
        return {
            "firsts": [span.first for span in self.days],
            "ends": [span.end for span in self.days],
            "next_ends": [span.end for span in self.following],
        }

    @property
    def outer(self) -> DaySpan:
        """The days that any tenant's period may lie in."""
        return DaySpan(min(span.first for span in self.days), max(span.end for span in self.days))

    @property
    def with_following(self) -> DaySpan:
        """The days that any tenant's period or the one after it may lie in."""
        return DaySpan(self.outer.first, max(span.end for span in self.following))


@lru_cache(maxsize=24)
def calendar_of(period: str) -> Calendar:
    """The calendar of a billing month."""
    following = month_after(period)
    return Calendar(
        period=period,
        days=tuple(service_days(period, anchor) for anchor in ANCHOR_DAYS),
        following=tuple(service_days(following, anchor) for anchor in ANCHOR_DAYS),
    )
