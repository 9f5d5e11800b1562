"""What may be agreed with a debtor, and who may agree to it: a promise, more grace, an exemption, money that came another
way, and service without payment.

An objection is a sentence for the person who asked, None when nothing is against it. The approval is the role of a second
person; None when whoever asks may decide alone. Days are days of the tenant's own calendar.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum

from billing.authority import LADDER, Role
from billing.counted_time import NO_TIME
from billing.delinquency import Debt, Standing
from billing.money import Money
from billing.periods import local_day, local_midnight
from billing.policy.dunning import DAY, DunningPolicy
from billing.rungs import Rung
from billing.wording import counted, dated

# Who gives service back without a payment and asks nobody.
MAY_RESTORE = (Role.LEAD, Role.FINANCE, Role.VP)


class Arrangement(StrEnum):
    """What people agree on while something is owed."""

    PROMISE = "promise"
    EXTENSION = "extension"
    EXEMPTION = "exemption"
    MANUAL_PAYMENT = "manual_payment"
    RESTORATION = "restoration"


def objection_to_promise(standing: Standing, by_day: date, now: datetime, policy: DunningPolicy) -> str | None:
    """Why a promise to pay by the end of this day is not taken."""
    today, last = local_day(now, standing.zone), _day_in(standing, now, policy.arrangements.promise_within)
    if standing.promise:
        return f"{dated(standing.promise.by_day)} is promised already: wait until then, or extend the grace"
    if by_day < today:
        return f"{dated(by_day)} is past where the customer is: promise {dated(today)} or a later day"
    if by_day > last:
        return f"{dated(by_day)} is too far away: promise {dated(last)} or an earlier day, or extend the grace"
    if standing.promises >= policy.arrangements.promises:
        return f"{counted(standing.promises, 'promise')} were given in this case and not kept: extend the grace instead"
    return _objection_to_all(standing)


def last_day_to_promise(standing: Standing, now: datetime, policy: DunningPolicy) -> date | None:
    """The latest day that a promise to pay is taken for at the moment; None when none is taken."""
    last = _day_in(standing, now, policy.arrangements.promise_within)
    return None if objection_to_promise(standing, last, now, policy) else last


def objection_to_extension(standing: Standing, days: int, policy: DunningPolicy) -> str | None:
    """Why grace is not extended by so many days, whoever approves it."""
    if days < 1:
        return f"an extension of {days} days changes nothing: give 1 or more"
    in_all = _extended_in_all(standing, days, policy)
    return _beyond_everybody(in_all, policy.arrangements.extension, "given grace longer by") or _objection_to_all(
        standing
    )


def objection_to_exemption(standing: Standing, until: date, now: datetime, policy: DunningPolicy) -> str | None:
    """Why a tenant is not left alone until the end of this day, whoever approves it."""
    if until < local_day(now, standing.zone):
        return f"{dated(until)} is past where the customer is: choose today or a later day"
    days = _exempted_in_all(standing, until, now, policy)
    return _beyond_everybody(days, policy.arrangements.exemption, "exempted for") or _objection_to_all(standing)


def objection_to_payment(debt: Debt | None, amount: Money) -> str | None:
    """Why this amount is not noted as paid another way on an invoice; `debt` None when nothing is owed on it."""
    if debt is None:
        return "nothing is overdue on this invoice, so no payment is missing"
    if amount.currency != debt.net.currency:
        return f"{debt.number} is owed in {debt.net.currency}: write what arrived in it, not in {amount.currency}"
    if amount.minor <= 0:
        return f"a payment of {amount} pays nothing: write what arrived"
    if amount > debt.net:
        return f"{amount} is more than is owed on {debt.number} ({debt.net}): what is beyond it is a credit"
    return None


def objection_to_restoration(standing: Standing) -> str | None:
    """Why service is not given back by hand."""
    if standing.rung.place <= Rung.GRACE.place:
        return "nothing is limited for this debt, so there is nothing to give back"
    return _objection_to_all(standing)


def approval_of_extension(standing: Standing, days: int, by: Role, policy: DunningPolicy) -> Role | None:
    """Who approves so many days more: nobody when all days of this case together are within the asker's own authority."""
    in_all = _extended_in_all(standing, days, policy)
    return (
        None if in_all <= policy.arrangements.extension.get(by, 0) else _approver(in_all, policy.arrangements.extension)
    )


def approval_of_exemption(standing: Standing, until: date, now: datetime, policy: DunningPolicy) -> Role:
    """Who approves an exemption; always a second person, since nobody pays and nothing is done."""
    return _approver(_exempted_in_all(standing, until, now, policy), policy.arrangements.exemption)


def approval_of_payment() -> Role:
    """Who confirms that money arrived another way: those who see the bank account, and never who says so first."""
    return Role.FINANCE


def approval_of_restoration(by: Role) -> Role | None:
    """Who approves that service is given back without a payment."""
    return None if by in MAY_RESTORE else Role.LEAD


def promise_until(standing: Standing, by_day: date, now: datetime, policy: DunningPolicy) -> datetime:
    """The end of a day where the customer is; at the sandbox's pace, so many of its short days from now."""
    return _end_of(by_day, standing, now, policy)


def exempted_until(standing: Standing, until: date, now: datetime, policy: DunningPolicy) -> datetime:
    """The end of the last day of an exemption."""
    return _end_of(until, standing, now, policy)


def _end_of(day: date, standing: Standing, now: datetime, policy: DunningPolicy) -> datetime:
    if policy.day == DAY:
        return local_midnight(day + timedelta(days=1), standing.zone)
    return now + _days_to(day, standing, now) * policy.day


def _days_to(day: date, standing: Standing, now: datetime) -> int:
    """How many days begin with today and end with that one."""
    return (day - local_day(now, standing.zone)).days + 1


def _day_in(standing: Standing, now: datetime, days: int) -> date:
    return local_day(now, standing.zone) + timedelta(days=days)


def _extended_in_all(standing: Standing, days: int, policy: DunningPolicy) -> int:
    return policy.days(standing.grace_extra) + days


def _exempted_in_all(standing: Standing, until: date, now: datetime, policy: DunningPolicy) -> int:
    """The days of this exemption with those of earlier ones in this case."""
    before = standing.exempted_for + (now - standing.exemption.since if standing.exemption else NO_TIME)
    return policy.days(before) + _days_to(until, standing, now)


def _beyond_everybody(days: int, authority: Mapping[Role, int], verb: str) -> str | None:
    most = max(authority.values())
    return f"in one case no tenant is {verb} {days} days in all: {most} is the most" if days > most else None


def _approver(days: int, authority: Mapping[Role, int]) -> Role:
    """The lowest role above an agent, on the ladder of approvals, that may grant so many days; the highest beyond them."""
    able = (role for role in LADDER[1:] if authority.get(role, 0) >= days)
    return next(able, LADDER[-1])


def _objection_to_all(standing: Standing) -> str | None:
    if not standing.debts:
        return "nothing is owed any more, so there is nothing to agree on"
    if standing.rung is Rung.AWAITING_DELETION:
        return "the data of this tenant waits to be deleted: only a payment, a credit or a legal hold keeps it"
    return None
