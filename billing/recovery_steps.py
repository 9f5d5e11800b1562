"""What a step of the ladder says and does: its letter, its limit, and its sentence in the story. Facts only."""

from collections.abc import Sequence
from datetime import datetime

from billing import recovery_letters as letters
from billing.access import Cause, RestrictionOrder, service_in_words
from billing.delinquency import Action, ActionKind, Debt, Standing
from billing.emails import Payload
from billing.holds import STOP_CHARGES, Hold
from billing.invoices import InvoiceStatus
from billing.ladder import ahead, performed, restriction_of
from billing.payments import Pause, Receivable
from billing.policy.dunning import DunningPolicy
from billing.recovery import Ending
from billing.recovery_emails import AccountManagerTask, ServiceBlocked, ServiceLimited
from billing.recovery_letters import Coming, NextStep, Owed, OwedInvoice, RestoredBecause
from billing.rungs import Rung
from billing.tenants import Tenant
from billing.wording import listed

_COMES = {
    Rung.RATE_LIMITED: NextStep.LIMITED,
    Rung.BLOCKED: NextStep.BLOCKED,
    Rung.SUSPENDED: NextStep.SUSPENDED,
    Rung.AWAITING_DELETION: NextStep.DELETED,
}
# What ended a debt, as its invoice says, with how the case ends then.
_SETTLED = {
    InvoiceStatus.PAID: (Ending.RECOVERED, RestoredBecause.PAID),
    InvoiceStatus.UNCOLLECTIBLE: (Ending.WRITTEN_OFF, RestoredBecause.WRITTEN_OFF),
    InvoiceStatus.VOID: (Ending.RECOVERED, RestoredBecause.NOTHING_DUE),
    InvoiceStatus.OPEN: (Ending.RECOVERED, RestoredBecause.CREDITED),
    InvoiceStatus.DRAFT: (Ending.RECOVERED, RestoredBecause.NOTHING_DUE),
}


def owed_by(tenant_id: str, standing: Standing) -> Owed:
    """Every debt that is chased, in one letter."""
    invoices = (OwedInvoice(number=one.number, net=one.net, since=one.since) for one in standing.chased)
    return Owed(tenant_id=tenant_id, invoices=tuple(invoices))


def owed_in_words(standing: Standing) -> str:
    """`USD 310.00`, one amount for each currency."""
    return listed([str(one) for one in standing.owed]) or "nothing"


def coming(standing: Standing, policy: DunningPolicy, now: datetime) -> tuple[Coming, ...]:
    """What follows unless something is paid, in order."""
    return tuple(
        Coming(step=_COMES[rung], at=at, share=policy.limited_share if rung is Rung.RATE_LIMITED else None)
        for rung, at in ahead(standing, policy, now)
        if rung in _COMES
    )


def grace_left(standing: Standing, policy: DunningPolicy, now: datetime) -> int:
    """For how many more days the service runs without a limit, as people count them; 0 once it is limited."""
    limited_at = next((at for rung, at in ahead(standing, policy, now) if rung is Rung.RATE_LIMITED), now)
    return policy.days(limited_at - now)


def letter_of(
    action: Action, tenant_id: str, debtor: Tenant | None, standing: Standing, policy: DunningPolicy, now: datetime
) -> Payload | None:
    """What the customer, or for a contact by a person the account manager, reads about a step; None for a silent one. The
    `debtor` is needed for the account manager only."""
    owed = owed_by(tenant_id, standing)
    later = coming(performed(standing, action, now, policy), policy, now)
    match action.kind:
        case ActionKind.REMINDER:
            of = len(policy.tiers[standing.tier].reminders)
            return letters.reminder(owed, action.number, max(of, action.number), later)
        case ActionKind.ACCOUNT_MANAGER if debtor:
            return _task(owed, debtor, standing, policy, now, action, later)
        case ActionKind.FINAL_WARNING:
            first, *others = later or (Coming(step=NextStep.LIMITED, at=now, share=policy.limited_share),)
            return letters.final_warning(owed, first.at, first.share, others)
        case ActionKind.ENTER_RUNG:
            return _reduced(action.rung, owed, policy, later)
        case ActionKind.DELETION_NOTICE:
            deleted = next((one.at for one in later if one.step is NextStep.DELETED), now)
            return letters.deletion_notice(owed, action.number, deleted)
        case _:
            return None


def limit_of(rung: Rung, tenant_id: str, case_id: str, step: str, policy: DunningPolicy) -> RestrictionOrder:
    """What is left of the service on a rung, as gateways are told: they pass the reason on, so it names no amount."""
    restriction, share = restriction_of(rung, policy)
    return RestrictionOrder(
        tenant_id=tenant_id,
        cause=Cause.DELINQUENCY,
        reason="a payment is overdue",
        case_id=case_id,
        step=step,
        restriction=restriction,
        rate_share=share,
    )


def in_words(action: Action, policy: DunningPolicy) -> str:
    """What a step does, for the story and for `next step`."""
    match action.kind:
        case ActionKind.ENTER_RUNG if action.rung in (Rung.RETRYING, Rung.GRACE):
            return "grace begins"
        case ActionKind.ENTER_RUNG if action.rung:
            return service_in_words(*restriction_of(action.rung, policy))
        case ActionKind.HAND_TO_PURGE:
            return "handed over to the retention purge"
        case ActionKind.REMINDER:
            return f"reminder {action.number}"
        case ActionKind.ACCOUNT_MANAGER:
            return f"the account manager is asked to call ({action.number})"
        case ActionKind.FINAL_WARNING:
            return "final warning"
        case ActionKind.DELETION_NOTICE:
            return f"notice: deleted in {action.number} days"
        case ActionKind.PROMISE_DUE:
            return "the promise is due"
        case _:
            return "the exemption ends"


def is_silent(action: Action) -> bool:
    """Whether a step changes nothing that the customer feels or reads."""
    return action.kind is ActionKind.ENTER_RUNG and action.rung in (Rung.RETRYING, Rung.GRACE)


def news_between(before: Standing | None, after: Standing, *, cancelled: bool, knew: bool) -> tuple[str, ...]:
    """What has changed between two looks, one sentence each; `knew` that the tenant has cancelled."""
    sentences = []
    if cancelled and not knew:
        sentences.append("the customer has cancelled; what is owed is collected all the same")
    known = {debt.invoice_id: debt for debt in before.debts} if before else {}
    now = {debt.invoice_id: debt for debt in after.debts}
    sentences += [f"{debt.number} is owed, {debt.net}" for name, debt in now.items() if name not in known]
    sentences += [f"{debt.number} is settled" for name, debt in known.items() if name not in now]
    for name in (name for name in now if name in known):
        old, new = known[name], now[name]
        if old.net != new.net:
            sentences.append(f"{new.number}: {new.net} is owed, no longer {old.net}")
        if old.disputed != new.disputed:
            sentences.append(f"{new.number} {'is disputed: its chase rests' if new.disputed else 'is chased again'}")
    if before and before.tier is not after.tier:
        sentences.append(f"the tier is {after.tier} now, no longer {before.tier}")
    if before and before.rung is not after.rung:
        sentences.append(f"back to {after.rung.replace('_', ' ')}: what is owed now is younger, or due later")
    held = (any(stop.is_open for stop in one.stopped) if one else False for one in (before, after))
    match tuple(held):
        case (False, True):
            sentences.append("held: nothing is chased, and the time does not count")
        case (True, False):
            sentences.append("held no longer: the ladder goes on where it stood")
    return tuple(sentences)


def rest_of(debt: Debt, standing: Standing, holds: Sequence[Hold]) -> Pause | None:
    """Why a debt is not collected on schedule, if it is not; what stops every charge goes before what lets a new card be
    charged. `holds` are those in force."""
    if stops := next((hold for hold in holds if hold.effect in STOP_CHARGES), None):
        return Pause(why=stops.in_words())
    if debt.disputed:
        return Pause(why="disputed")
    if holds:
        return Pause(why=holds[0].in_words(), schedule_only=True)
    if standing.promise:
        return Pause(why="a promise to pay", schedule_only=True)
    return Pause(why="exempted", schedule_only=True) if standing.exemption else None


def settled_as(receivables: tuple[Receivable, ...], once_owed: frozenset[str]) -> tuple[Ending, RestoredBecause]:
    """How a case ends whose debts are gone: written off only when nothing of it was paid or credited."""
    known = [one.status for one in receivables if one.invoice_id in once_owed]
    for status in (InvoiceStatus.PAID, InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE):
        if status in known:
            return _SETTLED[status]
    return _SETTLED[InvoiceStatus.VOID]


def _reduced(rung: Rung | None, owed: Owed, policy: DunningPolicy, later: tuple[Coming, ...]) -> Payload | None:
    match rung:
        case Rung.RATE_LIMITED:
            return ServiceLimited(owed=owed, percent=policy.limited_share * 100, later=later)
        case Rung.BLOCKED:
            return ServiceBlocked(owed=owed, later=later)
        case Rung.SUSPENDED if later:
            notices = [policy.days(notice) for notice in policy.deletion_notices]
            return letters.suspended(owed, later[-1].at, notices)
        case _:
            return None


def _task(
    owed: Owed,
    tenant: Tenant,
    standing: Standing,
    policy: DunningPolicy,
    now: datetime,
    action: Action,
    later: tuple[Coming, ...],
) -> AccountManagerTask:
    overdue = policy.days(now - standing.anchor) if standing.anchor else 0
    return letters.account_manager_task(owed, tenant, overdue, action.number, later)
