"""When each rung and each contact would come if nothing changed: the arithmetic below `billing.ladder`.

A rung is due once enough time has counted against one debt since it became overdue, and the rung before has been stayed
on for long enough. Holds, promises and exemptions stop the time of all debts, a dispute that of its own.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from billing.counted_time import NO_TIME, Stop, after, counted, merged, running_from
from billing.delinquency import Debt, Standing
from billing.policy.dunning import DunningPolicy, TierDunning
from billing.rungs import Rung

FINAL_WARNING = "final-warning"


def row_of(standing: Standing, policy: DunningPolicy) -> TierDunning:
    """The tier's row of the policy."""
    return policy.tiers[standing.tier]


def has_no_grace(standing: Standing, policy: DunningPolicy) -> bool:
    """Whether service is limited with the failed payment itself, whose notice says so: nothing is left to warn of. Whoever
    came from a tier with grace, or was given time, has some of it."""
    given = standing.shortened_at or standing.grace_extra or standing.turn > 1
    return not row_of(standing, policy).grace and not given


def promise_ends(standing: Standing) -> datetime | None:
    """When an open promise is due: its moment, later by what holds took of the time to keep it; None without a promise,
    or while a hold has no end."""
    promise = standing.promise
    return after(standing.stopped, promise.made_at, promise.until - promise.made_at) if promise else None


def stops(standing: Standing) -> tuple[Stop, ...]:
    """The time that counts against none of the debts."""
    resting = standing.stopped
    if standing.promise:
        resting = (*resting, Stop(since=standing.promise.made_at, until=promise_ends(standing)))
    if standing.exemption:
        resting = (*resting, standing.exemption)
    return merged(resting)


def goes_on_from(standing: Standing, now: datetime) -> datetime | None:
    """The first moment from `now` on at which the ladder moves; None while something without an end stops it."""
    return running_from(stops(standing), now)


def overdue_for(standing: Standing, debt: Debt, now: datetime) -> timedelta:
    """How much time has counted against one debt."""
    return counted(_stops_of(standing, debt), debt.since, now)


def place_of(standing: Standing, policy: DunningPolicy, rung: Rung) -> timedelta:
    """How much time must have counted against a debt for this rung; the extension moves all from the end of grace on."""
    grace = row_of(standing, policy).grace + standing.grace_extra
    match rung:
        case Rung.RETRYING:
            return NO_TIME
        case Rung.GRACE:
            return min(policy.retried_for, row_of(standing, policy).grace)
        case Rung.RATE_LIMITED:
            return grace
        case Rung.BLOCKED:
            return grace + policy.block_after
        case Rung.SUSPENDED:
            return grace + policy.suspend_after
        case Rung.AWAITING_DELETION:
            return grace + policy.suspend_after + policy.kept_for


def leads_to(debt: Debt, rung: Rung, policy: DunningPolicy) -> bool:
    """Whether this debt may cost so much: unpaid usage stops below the plan."""
    return not debt.usage_only or rung.place <= policy.usage_only_up_to.place


def rung_that_fits(standing: Standing, policy: DunningPolicy, now: datetime) -> Rung:
    """The highest rung that some debt has come to, disputed ones with the time that counted before; never above the
    present one. A debt that is new on an old ladder fits lower, and service eases."""
    for rung in reversed(Rung):
        # Deletion has no clock but the suspension's: whoever waits for it fits there as long as suspended fits.
        needed = place_of(standing, policy, min(rung, Rung.SUSPENDED, key=lambda one: one.place))
        led = (debt for debt in standing.debts if leads_to(debt, rung, policy))
        if rung.place <= standing.rung.place and any(overdue_for(standing, debt, now) >= needed for debt in led):
            return rung
    return Rung.RETRYING


def warning_moment(standing: Standing, policy: DunningPolicy) -> datetime | None:
    """When the final warning is due: some days before grace ends, or when the debt begins when less is left."""
    ahead = place_of(standing, policy, Rung.RATE_LIMITED) - policy.warn_before
    return contact_moment(standing, max(ahead, NO_TIME))


def contact_moment(standing: Standing, wait: timedelta) -> datetime | None:
    """When so much time has counted against a debt; None while all of them rest."""
    return _earliest(after(_stops_of(standing, debt), debt.since, wait) for debt in standing.chased)


def next_rung_moment(standing: Standing, policy: DunningPolicy) -> datetime | None:
    """When the rung above is due, perhaps in the past; None when no debt leads there or all that do rest.

    Deletion waits for its notices too. The final warning must have been given before the rate limit: ask only then.
    """
    rung = standing.rung.next
    if rung is None:
        return None
    due = _moment(standing, policy, rung)
    if due is None:
        return None
    if rung is Rung.AWAITING_DELETION:
        return max((due, *_after_notices(standing, policy, policy.deletion_notices)))
    # What was told is about the service; nothing of it changes where grace begins.
    return due if standing.told is None or rung is Rung.GRACE else max(due, standing.told)


def notice_moment(standing: Standing, policy: DunningPolicy, notice: timedelta) -> datetime | None:
    """When the customer hears that its data goes in `notice`: so long before, and not sooner after the notice before."""
    due = _moment(standing, policy, Rung.AWAITING_DELETION, ahead=notice)
    if due is None:
        return None
    earlier = [one for one in policy.deletion_notices if one > notice]
    return max((due, *_after_notices(standing, policy, earlier, ahead=notice)))


def notice_name(policy: DunningPolicy, notice: timedelta) -> str:
    """`deletion-notice-30`, in days of the policy."""
    return f"deletion-notice-{policy.days(notice)}"


def _moment(standing: Standing, policy: DunningPolicy, rung: Rung, ahead: timedelta = NO_TIME) -> datetime | None:
    """When the first debt that leads there has been overdue and the rung below stayed on for long enough, less `ahead`."""
    since, stay = _stay(standing, policy)
    needed = place_of(standing, policy, rung) - ahead
    moments = []
    for debt in standing.chased:
        if leads_to(debt, rung, policy):
            rest = _stops_of(standing, debt)
            moments.append(_latest(after(rest, debt.since, needed), after(rest, since, stay - ahead)))
    return _earliest(moments)


def _stay(standing: Standing, policy: DunningPolicy) -> tuple[datetime, timedelta]:
    """Since when the present rung is stayed on, and for how long at least."""
    rung = standing.rung
    since = standing.entered.get(rung, standing.opened_at)
    if rung is Rung.GRACE:
        since = max(since, standing.done.get(FINAL_WARNING, since))
    if standing.shortened_at and rung.place < Rung.SUSPENDED.place:
        since = max(since, standing.shortened_at)
    at_once = rung.place <= Rung.GRACE.place and has_no_grace(standing, policy)
    return since, NO_TIME if at_once else policy.least_stay[rung]


def _after_notices(
    standing: Standing, policy: DunningPolicy, notices: Iterable[timedelta], ahead: timedelta = NO_TIME
) -> list[datetime]:
    """When what each given notice announced may happen, less `ahead`."""
    given = ((notice, standing.done.get(notice_name(policy, notice))) for notice in notices)
    moments = (after(stops(standing), at, notice - ahead) for notice, at in given if at)
    return [moment for moment in moments if moment]


def _stops_of(standing: Standing, debt: Debt) -> Sequence[Stop]:
    """What stops the time of one debt."""
    disputed = standing.disputes.get(debt.invoice_id, ())
    return merged((*stops(standing), *disputed)) if disputed else stops(standing)


def _latest(*moments: datetime | None) -> datetime | None:
    """The last of all; None when one of them never comes."""
    known = [moment for moment in moments if moment]
    return max(known) if len(known) == len(moments) else None


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of those that come at all."""
    return min((moment for moment in moments if moment), default=None)
