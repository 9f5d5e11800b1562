"""What moves a case's place on the ladder besides time: payments and new debts, holds, disputes, tiers, arrangements.

Each returns a new standing. None of them raises a case or brings a rung nearer than the customer was told; some let it
begin again further down, where service eases at once.
"""

from collections.abc import Sequence
from datetime import date, datetime

from billing.counted_time import Stop, merged
from billing.delinquency import Contest, Debt, Promise, Standing, oldest_first
from billing.ladder_moments import (
    FINAL_WARNING,
    contact_moment,
    notice_moment,
    notice_name,
    promise_ends,
    row_of,
    rung_that_fits,
    warning_moment,
)
from billing.policy.dunning import DunningPolicy
from billing.rungs import Rung
from billing.tenants import Tier


def anchored(
    standing: Standing, debts: Sequence[Debt], now: datetime, policy: DunningPolicy, contests: Sequence[Contest] = ()
) -> Standing:
    """The same ladder over the debts as they are now: eased when the oldest is a younger one, never raised.

    A debt that is disputed stops its own time, which goes on where it stood when the dispute is decided: from the moment a
    contest was opened with us to that at which it was closed, whenever we look; a bank's dispute from now on.
    """
    disputes = {}
    for debt in debts:
        about_it = [contest for contest in contests if contest.invoice_id == debt.invoice_id]
        if rests := _disputed(standing.disputes.get(debt.invoice_id, ()), debt, about_it, now):
            disputes[debt.invoice_id] = rests
    return _refitted(standing.model_copy(update={"debts": oldest_first(debts), "disputes": disputes}), policy, now)


def stopped(standing: Standing, since: datetime) -> Standing:
    """Time does not count from `since` on, because of a hold; several holds are one stop until the last is gone."""
    return standing.model_copy(update={"stopped": merged((*standing.stopped, Stop(since=since)))})


def resumed(standing: Standing, at: datetime) -> Standing:
    """Time counts again from `at` on, when nothing is held any more; nothing changes where nothing was."""
    return standing.model_copy(update={"stopped": tuple(_closed(stop, at) for stop in standing.stopped)})


def interrupted(standing: Standing, since: datetime, until: datetime) -> Standing:
    """Time between two moments did not count: a hold that came and went while nobody looked."""
    return standing.model_copy(update={"stopped": merged((*standing.stopped, Stop(since=since, until=until)))})


def changed_tier(standing: Standing, tier: Tier, now: datetime, policy: DunningPolicy) -> Standing:
    """Under another tier's row: the anchor and what was done stay. Where the new grace is shorter, the present rung is
    stayed on for its least time from now, so that nothing happens at the moment of the change."""
    if tier is standing.tier:
        return standing
    shorter = policy.tiers[tier].grace < row_of(standing, policy).grace
    changes: dict[str, object] = {"tier": tier, "shortened_at": now if shorter else standing.shortened_at}
    return _refitted(standing.model_copy(update=changes), policy, now)


def extended(standing: Standing, days: int, now: datetime, policy: DunningPolicy) -> Standing:
    """Grace is so many days longer, and all that follows it later; service that was limited too early then is eased."""
    extra = standing.grace_extra + days * policy.day
    return _refitted(standing.model_copy(update={"grace_extra": extra}), policy, now)


def exempted(standing: Standing, until: datetime, now: datetime) -> Standing:
    """Nothing is chased until then and the service is whole; afterwards the ladder goes on in grace, with a new warning.

    Another exemption takes the place of the first, longer or shorter.
    """
    since = standing.exemption.since if standing.exemption else now
    exemption = Stop(since=since, until=max(until, now))
    return _eased(standing, Rung.GRACE, now).model_copy(update={"exemption": exemption})


def exemption_over(standing: Standing, at: datetime) -> Standing:
    """The exemption has run out, or is taken back at `at`; the time until then did not count."""
    if standing.exemption is None:
        return standing
    ended = _closed(Stop(since=standing.exemption.since), min(at, standing.exemption.until or at))
    lasted = (ended.until or at) - ended.since
    changes = {"exemption": None, "exempted_for": standing.exempted_for + lasted}
    return standing.model_copy(update={**changes, "stopped": merged((*standing.stopped, ended))})


def promised(standing: Standing, by_day: date, until: datetime, now: datetime) -> Standing:
    """The customer pays until then: the ladder waits where it is, and so does the service."""
    kept = promise_over(standing, now)
    promise = Promise(by_day=by_day, made_at=now, until=until)
    return kept.model_copy(update={"promise": promise, "promises": kept.promises + 1})


def promise_over(standing: Standing, at: datetime) -> Standing:
    """The promise was broken or taken back: the ladder goes on at the same rung, and the time it waited did not count."""
    if standing.promise is None:
        return standing
    waited = _closed(Stop(since=standing.promise.made_at), min(at, promise_ends(standing) or at))
    return standing.model_copy(update={"promise": None, "stopped": merged((*standing.stopped, waited))})


def restored(standing: Standing, now: datetime) -> Standing:
    """An operator gives the service back although something is owed: back in grace, which ends after a new warning."""
    return _eased(standing, Rung.GRACE, now)


def _disputed(known: Sequence[Stop], debt: Debt, contests: Sequence[Contest], now: datetime) -> tuple[Stop, ...]:
    """The time of a debt that its disputes took, with what is learned of them now."""
    closed = {contest.opened_at: contest.closed_at for contest in contests if contest.closed_at}
    learned = [Stop(since=one.since, until=closed.get(one.since)) if one.is_open else one for one in known]
    rests = merged((*learned, *(Stop(since=one.opened_at, until=one.closed_at) for one in contests)))
    if not debt.disputed:
        return tuple(_closed(stop, now) for stop in rests)
    return rests if any(stop.is_open for stop in rests) else (*rests, Stop(since=now))


def _refitted(standing: Standing, policy: DunningPolicy, now: datetime) -> Standing:
    """On the rung that fits, with those steps to be done again that lie ahead by now."""
    if not standing.debts:
        return standing
    fits = rung_that_fits(standing, policy, now)
    eased = _eased(standing, fits, now) if fits.place < standing.rung.place else standing
    again = {name for name, moment in _moments(eased, policy).items() if moment and moment > now and name in eased.done}
    if not again:
        return eased
    done = {name: at for name, at in eased.done.items() if name not in again}
    told = None if FINAL_WARNING in again else eased.told
    turn = eased.turn if eased is not standing else eased.turn + 1
    return eased.model_copy(update={"done": done, "told": told, "turn": turn})


def _eased(standing: Standing, rung: Rung, now: datetime) -> Standing:
    """In the next turn, and no higher than `rung`, where the stay begins anew; what warned of higher rungs will warn
    again."""
    turn = {"turn": standing.turn + 1}
    if standing.rung.place <= rung.place:
        return standing.model_copy(update=turn)
    below = {one: at for one, at in standing.entered.items() if one.place < rung.place}
    warned = rung.place >= Rung.RATE_LIMITED.place
    done = {
        name: at
        for name, at in standing.done.items()
        if not name.startswith("deletion-notice") and (warned or name != FINAL_WARNING)
    }
    changes: dict[str, object] = {"rung": rung, "entered": {**below, rung: now}, "done": done, "told": None, **turn}
    return standing.model_copy(update=changes)


def _moments(standing: Standing, policy: DunningPolicy) -> dict[str, datetime | None]:
    """When each step that may have been done would be due by the debts as they are."""
    row = row_of(standing, policy)
    moments: dict[str, datetime | None] = {FINAL_WARNING: warning_moment(standing, policy)}
    for base, waits in (("reminder", row.reminders), ("account-manager", row.account_manager)):
        moments |= {f"{base}-{number}": contact_moment(standing, wait) for number, wait in enumerate(waits, start=1)}
    if standing.rung is Rung.SUSPENDED:
        moments |= {notice_name(policy, one): notice_moment(standing, policy, one) for one in policy.deletion_notices}
    return moments


def _closed(stop: Stop, at: datetime) -> Stop:
    """The same stop, over at `at` if it was open; never before it began."""
    return Stop(since=stop.since, until=max(at, stop.since)) if stop.is_open else stop
