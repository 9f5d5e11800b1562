"""When a debtor may be written to: not too often, not twice in a row, and only when its office is open (P7)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from billing.calendars import BusinessCalendar
from billing.policy.dunning import ContactPolicy


def may_send_at(
    sent: Sequence[datetime],
    wanted: datetime,
    calendar: BusinessCalendar,
    policy: ContactPolicy,
    *,
    legally_required: bool = False,
) -> datetime:
    """The first moment (UTC) from `wanted` on at which one more dunning mail may leave, given those `sent` before.

    Mails that the law or fairness requires leave at once, yet stand in `sent` for those that come later.
    """
    moment = wanted.astimezone(UTC)
    if legally_required:
        return moment
    while True:
        later = _in_office_hours(_within_budget(sent, moment, policy), calendar, policy)
        if later == moment:
            return moment
        moment = later


def _within_budget(sent: Sequence[datetime], moment: datetime, policy: ContactPolicy) -> datetime:
    """The first moment at which neither the last mail nor the last few are too near."""
    # In UTC: an hour later on a clock that is set back is two hours later.
    before = sorted(one.astimezone(UTC) for one in sent)
    if before:
        moment = max(moment, before[-1] + policy.apart)
    if len(before) >= policy.at_most:
        # The oldest of the last `at_most` must have left the window by then.
        moment = max(moment, before[-policy.at_most] + policy.within)
    return moment


def _in_office_hours(moment: datetime, calendar: BusinessCalendar, policy: ContactPolicy) -> datetime:
    """The moment itself when the tenant's office is open, else the next opening; by its own clocks, summer or winter."""
    if policy.at_any_hour:
        return moment
    zone = ZoneInfo(calendar.zone)
    local = moment.astimezone(zone)
    day = local.date()
    if calendar.is_business_day(day) and local.time() < policy.closes:
        return max(moment, datetime.combine(day, policy.opens, zone).astimezone(UTC))
    day += timedelta(days=1)
    while not calendar.is_business_day(day):
        day += timedelta(days=1)
    return datetime.combine(day, policy.opens, zone).astimezone(UTC)
