"""When a clock time is safe for a schedule: on no day of a zone is it skipped or repeated by a change of clocks."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Rules of zones change now and then; a schedule is applied anew more often than that.
_YEARS_AHEAD = 5


def unsafe_days(at: time, zone: str, today: date) -> Iterator[date]:
    """The local days of the coming years on which clocks in `zone` pass over `at`, or show it twice."""
    there = ZoneInfo(zone)
    for ahead in range(_YEARS_AHEAD * 366):
        day = today + timedelta(days=ahead)
        local = datetime.combine(day, at, there)
        # PEP 495: only where clocks are changed do the two readings of a local time have different offsets.
        if local.utcoffset() != local.replace(fold=1).utcoffset():
            yield day


def objection_to_time(at: time, zone: str, now: datetime) -> str | None:
    """Why nothing should be scheduled at this time of day in `zone`, in words; None when it is safe."""
    day = next(unsafe_days(at, zone, now.astimezone(UTC).date()), None)
    if day is None:
        return None
    return f"{at:%H:%M} in {zone} is skipped or repeated on {day} by a change of clocks: choose a time that every day has once"
