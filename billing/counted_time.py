"""Time that counts against a customer: every hour but those in which a hold, a dispute or an arrangement stopped it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

NO_TIME = timedelta(0)


class Stop(BaseModel):
    """Time that does not count, half-open `[since, until)`; `until` None as long as nobody knows its end."""

    model_config = ConfigDict(frozen=True)

    since: AwareDatetime
    until: AwareDatetime | None = None

    @model_validator(mode="after")
    def _ends_no_earlier_than_it_begins(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise ValueError(
                f"a stop cannot end ({self.until:%d %b %H:%M}) before it begins ({self.since:%d %b %H:%M})"
            )
        return self

    @property
    def is_open(self) -> bool:
        """Whether nobody knows when it ends."""
        return self.until is None


def merged(stops: Iterable[Stop]) -> tuple[Stop, ...]:
    """The same time without overlaps, in order: an hour under two holds is one hour."""
    known = tuple(stops)
    if len(known) < 2:
        return known
    whole: list[Stop] = []
    for stop in sorted(known, key=lambda one: one.since):
        last = whole[-1] if whole else None
        if last is None or (last.until is not None and last.until < stop.since):
            whole.append(stop)
        elif last.until is not None and (stop.until is None or stop.until > last.until):
            whole[-1] = Stop(since=last.since, until=stop.until)
    return tuple(whole)


def counted(stops: Sequence[Stop], start: datetime, end: datetime) -> timedelta:
    """How much time between two moments counts; nothing when `end` is not after `start`."""
    total = max(end - start, NO_TIME)
    for stop in merged(stops):
        overlap = min(end, stop.until or end) - max(start, stop.since)
        total -= max(overlap, NO_TIME)
    return total


def after(stops: Sequence[Stop], start: datetime, amount: timedelta) -> datetime | None:
    """The first moment at which `amount` of counted time has passed since `start`; None while a stop without an end is
    in the way."""
    if amount <= NO_TIME:
        return start
    moment, left = start, amount
    for stop in merged(stops):
        if stop.until is not None and stop.until <= moment:
            continue
        if moment + left <= stop.since:
            break
        left -= max(stop.since - moment, NO_TIME)
        if stop.until is None:
            return None
        moment = stop.until
    return moment + left


def running_from(stops: Sequence[Stop], moment: datetime) -> datetime | None:
    """The first moment from `moment` on at which time counts; None when a stop without an end covers it."""
    for stop in merged(stops):
        if stop.since <= moment and (stop.until is None or moment < stop.until):
            return stop.until
    return moment
