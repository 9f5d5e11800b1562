"""What letters about unpaid invoices, limited service and running usage say: facts only, the sentences are in the
templates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from billing.access import AccessStanding, Cause, Limit, Restriction, strictest
from billing.recovery_emails import (
    AccountManagerTask,
    Coming,
    DeletionNotice,
    FinalWarning,
    Left,
    NextStep,
    Overage,
    OverageAlert,
    OverageStep,
    Owed,
    OwedInvoice,
    PaymentFailed,
    PaymentReminder,
    PromiseNoted,
    ServiceBlocked,
    ServiceEased,
    ServiceLimited,
    ServiceRestored,
    ServiceStillLimited,
    ServiceSuspended,
    UsageSpike,
)
from billing.tenants import Tenant

__all__ = [
    "Coming",
    "NextStep",
    "Overage",
    "OverageStep",
    "Owed",
    "OwedInvoice",
]  # the parts a caller builds a letter from


class RestoredBecause(StrEnum):
    """What ended a tenant's debt, or the limits on its service."""

    PAID = "paid"
    CREDITED = "credited"
    WRITTEN_OFF = "written off"
    NOTHING_DUE = "nothing due"
    EXEMPTED = "exempted"
    DECIDED = "decided"
    LESS_OVERDUE = "less overdue"
    NEW_PERIOD = "new period"
    UPGRADED = "upgraded"


_BECAUSE = {
    RestoredBecause.PAID: "what was due is settled",
    RestoredBecause.CREDITED: "a credit covers what was due",
    RestoredBecause.WRITTEN_OFF: "we no longer ask for what was due",
    RestoredBecause.NOTHING_DUE: "nothing is due any more",
    RestoredBecause.EXEMPTED: "we agreed on more time with you",
    RestoredBecause.DECIDED: "a colleague looked at your account and decided so",
    RestoredBecause.LESS_OVERDUE: "what is open now has not been due for that long",
    RestoredBecause.NEW_PERIOD: "a new billing period has begun",
    RestoredBecause.UPGRADED: "your new plan includes more",
}
_LEFT = {
    Restriction.RATE_LIMITED: NextStep.LIMITED,
    Restriction.NEW_REQUESTS_BLOCKED: NextStep.BLOCKED,
    Restriction.SUSPENDED: NextStep.SUSPENDED,
    Restriction.DELETED: NextStep.DELETED,
}


def payment_failed(
    owed: Owed, grace_days: int, retry_at: datetime | None, *, asks_for_method: bool = False
) -> PaymentFailed:
    """`grace_days` are those still left, 0 when there is no grace or it is over; `retry_at` None when nothing is tried
    again by itself; `asks_for_method` when only another way to pay helps."""
    return PaymentFailed(owed=owed, grace_days=grace_days, retry_at=retry_at, asks_for_method=asks_for_method)


def reminder(owed: Owed, number: int, of: int, later: Sequence[Coming] = ()) -> PaymentReminder:
    """`number` counts from 1; `later` is what happens to the service unless something is paid, in order."""
    return PaymentReminder(owed=owed, number=number, of=of, later=tuple(later))


def final_warning(
    owed: Owed, limited_at: datetime, share: Decimal | None = None, later: Sequence[Coming] = ()
) -> FinalWarning:
    """`limited_at` is the end of grace, from when requests are limited to `share` of the usual rate."""
    first = Coming(step=NextStep.LIMITED, at=limited_at, share=share)
    return FinalWarning(owed=owed, coming=(first, *later))


def limited(owed: Owed, share: Decimal, blocked_at: datetime, later: Sequence[Coming] = ()) -> ServiceLimited:
    """Requests are limited to `share` of the usual rate now, and new ones refused from `blocked_at` on."""
    return ServiceLimited(owed=owed, percent=share * 100, later=(Coming(step=NextStep.BLOCKED, at=blocked_at), *later))


def blocked(owed: Owed, suspended_at: datetime, later: Sequence[Coming] = ()) -> ServiceBlocked:
    """New requests are refused now, and the account is suspended at `suspended_at`."""
    return ServiceBlocked(owed=owed, later=(Coming(step=NextStep.SUSPENDED, at=suspended_at), *later))


def suspended(owed: Owed, delete_at: datetime, notice_days: Sequence[int]) -> ServiceSuspended:
    """Suspended now; the data is kept until `delete_at`, of which is written `notice_days` before, as the policy counts."""
    return ServiceSuspended(owed=owed, delete_at=delete_at, notice_days=tuple(notice_days))


def restored(tenant_id: str, why: RestoredBecause) -> ServiceRestored:
    """Everything works again, fully: write it only when no other cause limits the tenant."""
    return ServiceRestored(tenant_id=tenant_id, why=_BECAUSE[why])


def given_back(
    service: AccessStanding, why: RestoredBecause, owed: Owed, later: Sequence[Coming] = ()
) -> ServiceRestored | ServiceEased | ServiceStillLimited:
    """What a customer reads when recovery takes less of its service than before, or nothing any more: by the `service` as it
    is now, so that nobody reads of full service who is still limited, for whatever cause."""
    ours = next((limit for limit in service.limits if limit.cause is Cause.DELINQUENCY), None)
    counts = strictest(service.limits)
    other = counts if counts and counts.cause is not Cause.DELINQUENCY else None
    if ours or owed.invoices:
        because = _BECAUSE[why]
        return ServiceEased(owed=owed, why=because, left=_left(ours), other=_left(other), later=tuple(later))
    if left := _left(other):
        return ServiceStillLimited(tenant_id=owed.tenant_id, why=_BECAUSE[why], other=left)
    return restored(owed.tenant_id, why)


def promise_noted(owed: Owed, by_day: date) -> PromiseNoted:
    """`by_day` in the tenant's zone; it counts to its end."""
    return PromiseNoted(owed=owed, by_day=by_day)


def account_manager_task(
    owed: Owed, tenant: Tenant, days_overdue: int, number: int = 1, later: Sequence[Coming] = ()
) -> AccountManagerTask:
    """For `Letters.notify` with the role of account managers; `number` counts the contacts from 1."""
    return AccountManagerTask(
        owed=owed,
        customer=tenant.name,
        billing_email=tenant.billing_email,
        days_overdue=days_overdue,
        number=number,
        later=tuple(later),
    )


def deletion_notice(owed: Owed, days_left: int, delete_at: datetime) -> DeletionNotice:
    """`days_left` as the policy counts them, 30 or 7."""
    return DeletionNotice(owed=owed, days_left=days_left, delete_at=delete_at)


def overage_alert(
    tenant_id: str,
    meter: str,
    percent: int,
    used: Decimal,
    included: Decimal,
    period_ends: datetime,
    steps: Sequence[OverageStep],
) -> OverageAlert:
    """`percent` is the threshold that was reached (80, 90, 100), `steps` what this tier's limits do, lowest first."""
    return OverageAlert(
        tenant_id=tenant_id,
        meter=meter,
        percent=percent,
        used=used,
        included=included,
        period_ends=period_ends,
        steps=tuple(steps),
    )


def usage_spike(tenant_id: str, meter: str, day: date, used: Decimal, usual: Decimal) -> UsageSpike:
    """`usual` is the usual day of the 28 before `day`, more than zero."""
    return UsageSpike(tenant_id=tenant_id, meter=meter, day=day, used=used, usual=usual, times=round(used / usual, 1))


def _left(limit: Limit | None) -> Left | None:
    """A limit as a letter tells it. The reason for ours is the debt, which the letter names itself."""
    if limit is None:
        return None
    return Left(
        step=_LEFT[limit.restriction],
        share=limit.rate_share if limit.restriction is Restriction.RATE_LIMITED else None,
        why="" if limit.cause is Cause.DELINQUENCY else limit.reason,
        by_usage=limit.cause is Cause.OVERAGE,
    )
