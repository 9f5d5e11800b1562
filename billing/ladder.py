"""The ladder of payment recovery: what is due next, and what becomes of a standing when something happens.

  retrying ──> grace ──> rate limited ──> blocked ──> suspended ──> awaiting deletion
     │ failed    │ warned   │ +3 d          │ +7 d       │ 90 d kept, noticed 30 and 7 d before
     └───────────┴──────────┴───────────────┴────────────┘ after the grace's end

It climbs one rung at a time, each stayed on for a while, and never before a date the customer was told. It eases as far
as fits whenever the oldest debt is a younger one. The runbook asks `next_action`, does it, and says so with `performed`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from billing.access import FULL, NOTHING, Restriction
from billing.calendars import BusinessCalendar
from billing.contact_budget import may_send_at
from billing.delinquency import Action, ActionKind, Debt, Standing
from billing.ladder_moments import (
    FINAL_WARNING,
    contact_moment,
    goes_on_from,
    has_no_grace,
    next_rung_moment,
    notice_moment,
    notice_name,
    promise_ends,
    row_of,
    warning_moment,
)
from billing.ladder_moves import anchored, exemption_over, promise_over
from billing.policy.dunning import DunningPolicy
from billing.rungs import Rung
from billing.tenants import Tier

_KINDS = list(ActionKind)
# Entering them changes nothing for the customer.
_SILENT = (Rung.RETRYING, Rung.GRACE)


def restriction_of(rung: Rung, policy: DunningPolicy) -> tuple[Restriction, Decimal]:
    """What is left of the service on a rung, and which share of the request rate (I10)."""
    match rung:
        case Rung.RETRYING | Rung.GRACE:
            return Restriction.NONE, FULL
        case Rung.RATE_LIMITED:
            return Restriction.RATE_LIMITED, policy.limited_share
        case Rung.BLOCKED:
            return Restriction.NEW_REQUESTS_BLOCKED, NOTHING
        case Rung.SUSPENDED | Rung.AWAITING_DELETION:
            return Restriction.SUSPENDED, NOTHING


def opened(
    tier: Tier,
    calendar: BusinessCalendar,
    debts: Sequence[Debt],
    now: datetime,
    policy: DunningPolicy,
    *,
    contacts: Sequence[datetime] = (),
) -> Standing:
    """A case's first standing: on the lowest rung, however long the debts are overdue already. `contacts` are dunning
    mails of an earlier case."""
    standing = Standing(
        tier=tier, calendar=calendar, opened_at=now, entered={Rung.RETRYING: now}, contacts=tuple(contacts)
    )
    return anchored(standing, debts, now, policy)


def next_action(standing: Standing, policy: DunningPolicy, now: datetime) -> Action | None:
    """What is due next and when, never before `now`; None while everything rests, or nothing is left to do."""
    due = [*_arrangements_ending(standing, now)]
    goes_on = goes_on_from(standing, now)
    if goes_on is not None:
        due += _steps(standing, policy, goes_on)
        due += _contacts(standing, policy, goes_on)
    return min(due, key=lambda action: (action.at, _KINDS.index(action.kind), -action.number), default=None)


def ahead(standing: Standing, policy: DunningPolicy, now: datetime) -> tuple[tuple[Rung, datetime], ...]:
    """The rungs that are still to come and when, if nothing changes; what letters say will follow."""
    coming: list[tuple[Rung, datetime]] = []
    goes_on = goes_on_from(standing, now)
    while goes_on is not None and standing.debts:
        step = min(_steps(standing, policy, goes_on), key=lambda action: action.at, default=None)
        if step is None:
            break
        if step.rung:
            coming.append((step.rung, step.at))
        standing, goes_on = _noted(standing, step, step.at, policy), step.at
    return tuple(coming)


def performed(standing: Standing, action: Action, at: datetime, policy: DunningPolicy) -> Standing:
    """The standing after an action was done at `at`; a broken promise and the end of an exemption only let time go on."""
    after = _noted(standing, action, at, policy)
    warned = action.kind is ActionKind.FINAL_WARNING
    return told_what_follows(after, at, policy) if warned or (action.rung and action.rung not in _SILENT) else after


def told_what_follows(standing: Standing, at: datetime, policy: DunningPolicy) -> Standing:
    """The standing after a letter that names the date of the next reduction of service, which nothing may bring nearer."""
    coming = (moment for rung, moment in ahead(standing, policy, at) if rung not in _SILENT)
    return standing.model_copy(update={"told": next(coming, None)})


def contacted(standing: Standing, at: datetime, policy: DunningPolicy) -> Standing:
    """With one more dunning mail on record; those that no longer matter to the contact budget are forgotten."""
    recent = (one for one in standing.contacts if at - one < policy.contact.within)
    return standing.model_copy(update={"contacts": (*recent, at)})


def _arrangements_ending(standing: Standing, now: datetime) -> Iterator[Action]:
    """What was agreed and runs out."""
    ends = promise_ends(standing)
    if ends:
        name = f"promise-{standing.promises}-due"
        yield Action(kind=ActionKind.PROMISE_DUE, at=max(ends, now), name=name, number=standing.promises)
    if standing.exemption and standing.exemption.until:
        at = max(standing.exemption.until, now)
        yield Action(kind=ActionKind.EXEMPTION_OVER, at=at, name=_turned(standing, "exemption-over"))


def _steps(standing: Standing, policy: DunningPolicy, now: datetime) -> Iterator[Action]:
    """The way up: the final warning, the rung above, and the notices before the last one."""
    rung = standing.rung.next
    if rung is None:
        return
    if standing.rung in _SILENT and FINAL_WARNING not in standing.done and not has_no_grace(standing, policy):
        warned = warning_moment(standing, policy)
        if warned:
            name = _turned(standing, FINAL_WARNING)
            yield Action(kind=ActionKind.FINAL_WARNING, at=max(warned, now), name=name)
        if rung is Rung.RATE_LIMITED:
            return
    if rung is Rung.AWAITING_DELETION:
        for notice in policy.deletion_notices:
            base = notice_name(policy, notice)
            if base not in standing.done:
                due = notice_moment(standing, policy, notice)
                if due:
                    yield Action(
                        kind=ActionKind.DELETION_NOTICE,
                        at=max(due, now),
                        name=_turned(standing, base),
                        number=policy.days(notice),
                    )
                return
    due = next_rung_moment(standing, policy)
    if due:
        kind = ActionKind.HAND_TO_PURGE if rung is Rung.AWAITING_DELETION else ActionKind.ENTER_RUNG
        yield Action(kind=kind, at=max(due, now), name=_turned(standing, rung.value.replace("_", "-")), rung=rung)


def _contacts(standing: Standing, policy: DunningPolicy, now: datetime) -> Iterator[Action]:
    """The next reminder and the next contact by a person; of several that were missed, only the last."""
    row = row_of(standing, policy)
    for kind, waits in ((ActionKind.ACCOUNT_MANAGER, row.account_manager), (ActionKind.REMINDER, row.reminders)):
        due = None
        for number, wait in enumerate(waits, start=1):
            moment = contact_moment(standing, wait)
            if moment is None or _contact_name(kind, number) in standing.done:
                continue
            if due is None or moment <= now:
                due = (number, max(moment, now))
        if due:
            number, at = due
            if kind is ActionKind.REMINDER:
                at = may_send_at(standing.contacts, at, standing.calendar, policy.contact)
            yield Action(kind=kind, at=at, name=_turned(standing, _contact_name(kind, number)), number=number)


def _noted(standing: Standing, action: Action, at: datetime, policy: DunningPolicy) -> Standing:
    """With the action on record, and nothing told yet about what follows a warning or a rung."""
    match action.kind:
        case ActionKind.PROMISE_DUE:
            return promise_over(standing, at)
        case ActionKind.EXEMPTION_OVER:
            return exemption_over(standing, at)
        case ActionKind.ENTER_RUNG | ActionKind.HAND_TO_PURGE if action.rung:
            changes: dict[str, object] = {"rung": action.rung, "entered": {**standing.entered, action.rung: at}}
            if action.rung in _SILENT:
                return standing.model_copy(update=changes)
            moved = standing.model_copy(update={**changes, "told": None})
            return contacted(moved, at, policy) if action.kind is ActionKind.ENTER_RUNG else moved
        case ActionKind.REMINDER | ActionKind.ACCOUNT_MANAGER:
            names = [_contact_name(action.kind, number) for number in range(1, action.number + 1)]
            noted = _done(standing, at, *(name for name in names if name not in standing.done))
            return contacted(noted, at, policy) if action.kind is ActionKind.REMINDER else noted
        case ActionKind.FINAL_WARNING:
            return contacted(_done(standing, at, FINAL_WARNING), at, policy).model_copy(update={"told": None})
        case _:
            return contacted(_done(standing, at, f"deletion-notice-{action.number}"), at, policy)


def _contact_name(kind: ActionKind, number: int) -> str:
    return f"{kind.value.replace('_', '-')}-{number}"


def _turned(standing: Standing, base: str) -> str:
    """The name that a step has once in a case."""
    return base if standing.turn == 1 else f"{base}-turn-{standing.turn}"


def _done(standing: Standing, at: datetime, *names: str) -> Standing:
    return standing.model_copy(update={"done": {**standing.done, **dict.fromkeys(names, at)}})
