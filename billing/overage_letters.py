"""What is written about usage and its cap, built from an alert as it was found."""

from billing import recovery_letters as letters
from billing.access import Restriction
from billing.overage import AlertKind, UsageAlert
from billing.overage_emails import OverageReview
from billing.policy.limits import LimitsPolicy
from billing.recovery_emails import Overage, OverageAlert, OverageStep, ServiceRestored, UsageSpike
from billing.recovery_letters import RestoredBecause
from billing.tenants import Tier


def to_customer(alert: UsageAlert, policy: LimitsPolicy) -> OverageAlert | UsageSpike | ServiceRestored:
    """The letter to the tenant. Raises ValueError for a review, which is no letter to a customer."""
    match alert.kind:
        case AlertKind.THRESHOLD if alert.tier and alert.ends_at:
            steps = steps_of(alert.tier, policy)
            return letters.overage_alert(
                alert.tenant_id, alert.meter, alert.percent, alert.used, alert.cap, alert.ends_at, steps
            )
        case AlertKind.SPIKE if alert.day:
            return letters.usage_spike(alert.tenant_id, alert.meter, alert.day, alert.used, alert.cap)
        case AlertKind.LIFTED:
            why = RestoredBecause.UPGRADED if alert.upgraded else RestoredBecause.NEW_PERIOD
            return letters.restored(alert.tenant_id, why)
        case _:
            raise ValueError(f"{alert.kind} is no letter to a customer")


def review(alert: UsageAlert) -> OverageReview:
    """The task for account managers: nothing limits this tenant by itself (I7)."""
    assert alert.ends_at is not None  # noqa: S101 - the period of a review is known
    return OverageReview(
        case_id=alert.case_id,
        tenant_id=alert.tenant_id,
        meter=alert.meter,
        percent=alert.percent,
        used=alert.used,
        included=alert.cap,
        period_ends=alert.ends_at,
    )


def steps_of(tier: Tier, policy: LimitsPolicy) -> tuple[OverageStep, ...]:
    """What happens to a tier from where on, the lowest first."""
    if tier in policy.reviewed_at:
        return (OverageStep(percent=int(policy.reviewed_at[tier] * 100), then=Overage.REVIEWED),)
    return tuple(
        OverageStep(
            percent=int(step.at * 100),
            then=Overage.THROTTLED if step.restriction is Restriction.RATE_LIMITED else Overage.BLOCKED,
        )
        for step in policy.steps[tier]
    )
