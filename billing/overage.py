"""Usage against its cap: what is limited, who hears of it, and when it is over (I7, D14).

Charges act beyond the allowance (B5), limits act at the threshold: whoever has used exactly 100 % of a cap has reached it.
"""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from billing.access import Cause, LiftOrder, Limit, RestrictionOrder
from billing.cases import OperatorId, Reason
from billing.policy.limits import LimitsPolicy, LimitStep, SpikePolicy
from billing.prices import Units
from billing.tenants import MeterName, TenantId, Tier
from billing.wording import listed, percent, written


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class CappedMeter(_Fact):
    """What was used of a meter, of the `cap` that is more than nothing."""

    meter: str
    used: Decimal
    cap: Decimal

    def reaches(self, share: Decimal) -> bool:
        """Whether at least this share of the cap is used, to the last millionth."""
        return self.used >= self.cap * share


class RunningUsage(_Fact):
    """A tenant's usage of the service period that runs, which began on the local day `period` and is over at `ends_at`."""

    tenant_id: str
    tier: Tier
    period: date
    ends_at: AwareDatetime
    meters: tuple[CappedMeter, ...]

    @property
    def case_id(self) -> str:
        """What limits, alerts and letters of this period are filed under."""
        return f"usage-limits/{self.tenant_id}/{self.period}"


class CapOrder(BaseModel):
    """A cap in place of what the contract includes, for one meter, counted from the first day of each service period.

    `cap` None takes every limit off the meter: what exceeds the allowance is charged (B5), and nothing is throttled.
    `as_contracted` takes an earlier order back: what the contract includes is the cap again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: TenantId
    meter: MeterName
    cap: Annotated[Units, Field(gt=0)] | None
    as_contracted: bool = False
    reason: Reason
    by: OperatorId

    def in_words(self) -> str:
        """Such as `api_calls is capped at 20,000`."""
        if self.as_contracted:
            return f"{self.meter} is capped at what the contract includes"
        return f"{self.meter} has no cap" if self.cap is None else f"{self.meter} is capped at {written(self.cap)}"


class AlertKind(StrEnum):
    """Why somebody is written to."""

    THRESHOLD = "threshold"
    REVIEW = "review"
    SPIKE = "spike"
    LIFTED = "lifted"


class UsageAlert(_Fact):
    """One letter to be written, once for each tenant, meter, period and `mark`; it keeps the facts as they were found.

    `cap` is the usual day of a SPIKE. `day` is the spike's day. LIFTED has no meter, and the day of its `mark` only.
    """

    tenant_id: str
    tier: Tier | None = None
    kind: AlertKind
    meter: str = ""
    period: date
    mark: str
    percent: int = 0
    used: Decimal = Decimal(0)
    cap: Decimal = Decimal(0)
    ends_at: AwareDatetime | None = None
    day: date | None = None
    upgraded: bool = False

    @property
    def case_id(self) -> str:
        """What the letter is filed under."""
        return f"usage-limits/{self.tenant_id}/{self.period}"

    @property
    def name(self) -> str:
        """The letter's step there."""
        return f"{self.kind}/{self.meter or 'service'}/{self.mark}"


class SpikingDay(_Fact):
    """A day's usage beside that of the days before it: their sum, and on how many of them there was any."""

    tenant_id: str
    tier: Tier
    meter: str
    day: date
    used: Decimal
    before: Decimal
    used_days: int


def step_for(tier: Tier, meter: CappedMeter, policy: LimitsPolicy) -> LimitStep | None:
    """The strictest step that a meter has reached; None below the first, and for tiers that a person looks at."""
    return max((step for step in policy.steps[tier] if meter.reaches(step.at)), key=lambda step: step.at, default=None)


def limit_on(usage: RunningUsage, policy: LimitsPolicy, exempt: Collection[str] = ()) -> tuple[LimitStep, str] | None:
    """The step that limits a tenant, the strictest of its meters', and why, in words for the customer.

    `exempt` meters limit nothing. The words name thresholds, not the usage of the minute, so that they change only when
    something does.
    """
    reached = {
        meter.meter: (meter, step)
        for meter in usage.meters
        if meter.meter not in exempt and (step := step_for(usage.tier, meter, policy))
    }
    if not reached:
        return None
    strictest = max((step for _, step in reached.values()), key=lambda step: step.restriction.strictness)
    words = [
        f"{meter.meter} reached {percent(step.at)} of {written(meter.cap)}"
        for _, (meter, step) in sorted(reached.items())
        if step == strictest
    ]
    return strictest, f"{listed(words, at_most=3)} in the period that began on {usage.period}"


def change_of(
    usage: RunningUsage, in_force: Limit | None, revision: int, policy: LimitsPolicy, exempt: Collection[str] = ()
) -> RestrictionOrder | LiftOrder | None:
    """What is to be ordered, None when the limit in force is the right one.

    `revision` is that of the standing which was looked at: whatever is ordered from it is ordered once.
    """
    due = limit_on(usage, policy, exempt)
    if due is None:
        return _lift(usage.tenant_id, usage.case_id, revision, "usage is below its limits again") if in_force else None
    step, why = due
    if in_force and (in_force.restriction, in_force.rate_share, in_force.reason) == (
        step.restriction,
        step.rate_share,
        why,
    ):
        return None
    return RestrictionOrder(
        tenant_id=usage.tenant_id,
        cause=Cause.OVERAGE,
        restriction=step.restriction,
        rate_share=step.rate_share,
        reason=why,
        case_id=usage.case_id,
        step=f"{step.restriction}-{revision}",
    )


def no_longer_capped(tenant_id: str, in_force: Limit, revision: int) -> LiftOrder:
    """Lift the limit of a tenant of whom nothing is capped any more."""
    return _lift(tenant_id, in_force.case_id, revision, "nothing is capped any more")


def alerts_of(usage: RunningUsage, policy: LimitsPolicy) -> list[UsageAlert]:
    """Every alert whose threshold is reached now; which of them are new, the register knows (D14)."""
    due = []
    for meter in usage.meters:
        due += [_alert(usage, meter, share) for share in policy.alerts_at if meter.reaches(share)]
        reviewed_at = policy.reviewed_at.get(usage.tier)
        if reviewed_at is not None and meter.reaches(reviewed_at):
            due.append(_alert(usage, meter, reviewed_at, AlertKind.REVIEW))
    return due


def alerts_of_limit(usage: RunningUsage, policy: LimitsPolicy, exempt: Collection[str] = ()) -> list[UsageAlert]:
    """What is told when a limit took effect: the meters that reached its step."""
    due = limit_on(usage, policy, exempt)
    if due is None:
        return []
    step, _ = due
    return [
        _alert(usage, meter, step.at)
        for meter in usage.meters
        if meter.meter not in exempt and step_for(usage.tier, meter, policy) == step
    ]


def alert_of_lift(tenant_id: str, lifted: Limit, period: date | None, revision: int) -> UsageAlert:
    """What is told once service is back in full; `period` None: nothing of the tenant is capped any more."""
    limited_in = date.fromisoformat(lifted.case_id.rpartition("/")[2])
    return UsageAlert(
        tenant_id=tenant_id,
        kind=AlertKind.LIFTED,
        period=period or limited_in,
        mark=f"after-{revision}",
        upgraded=period is None or period == limited_in,
    )


def spikes_of(days: Sequence[SpikingDay], policy: SpikePolicy) -> list[UsageAlert]:
    """The days that are spikes, from `factor` times the usual day on; once for each day and meter."""
    return [
        UsageAlert(
            tenant_id=one.tenant_id,
            tier=one.tier,
            kind=AlertKind.SPIKE,
            meter=one.meter,
            period=one.day,
            mark=AlertKind.SPIKE,
            used=one.used,
            cap=round(one.before / policy.baseline_days, 6),
            day=one.day,
        )
        for one in days
        if one.used_days >= policy.used_days and one.used * policy.baseline_days >= policy.factor * one.before > 0
    ]


def covered_by_another(alerts: Sequence[UsageAlert]) -> list[UsageAlert]:
    """Of alerts found at the same time those that need no letter of their own: a higher threshold of the meter has one."""
    highest: dict[tuple[str, str], int] = {}
    thresholds = [alert for alert in alerts if alert.kind is AlertKind.THRESHOLD]
    for alert in thresholds:
        key = (alert.tenant_id, alert.meter)
        highest[key] = max(alert.percent, highest.get(key, 0))
    return [alert for alert in thresholds if alert.percent < highest[alert.tenant_id, alert.meter]]


def _alert(
    usage: RunningUsage, meter: CappedMeter, share: Decimal, kind: AlertKind = AlertKind.THRESHOLD
) -> UsageAlert:
    return UsageAlert(
        tenant_id=usage.tenant_id,
        tier=usage.tier,
        kind=kind,
        meter=meter.meter,
        period=usage.period,
        mark=f"{share:.0%}",
        percent=int(share * 100),
        used=meter.used,
        cap=meter.cap,
        ends_at=usage.ends_at,
    )


def _lift(tenant_id: str, case_id: str, revision: int, why: str) -> LiftOrder:
    return LiftOrder(tenant_id=tenant_id, cause=Cause.OVERAGE, reason=why, case_id=case_id, step=f"lifted-{revision}")
