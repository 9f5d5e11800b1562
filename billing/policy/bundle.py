"""One versioned bundle of every number a case obeys; a case reads it when it opens and keeps it to the end."""

from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict

from billing.policy.credits import CreditPolicy
from billing.policy.detection import QualityPolicy, UsagePolicy
from billing.policy.disputes import ApprovalPolicy, DisputePolicy, ProviderPolicy
from billing.policy.dunning import DUNNING, DunningPolicy
from billing.policy.payments import PAYMENTS, PaymentPolicy
from billing.policy.sla import SlaPolicy


class Policy(BaseModel):
    """All policies in force under one version name; pinned in a case's history when it opens."""

    model_config = ConfigDict(frozen=True)

    version: str
    sla: SlaPolicy
    disputes: DisputePolicy
    approvals: ApprovalPolicy
    provider: ProviderPolicy
    credits: CreditPolicy
    usage: UsagePolicy
    quality: QualityPolicy
    payments: PaymentPolicy = PAYMENTS
    dunning: DunningPolicy = DUNNING

    def accelerated(self, speed: int, *, recovery: int | None = None) -> Self:
        """The same policy with every duration a case waits divided by `speed`; amounts and look-back windows stay.

        For the sandbox: a five-day story plays in minutes and still runs the code and the limits of production. `recovery`
        takes the place of `speed` for payments and dunning, which take weeks where other cases take days.
        """
        recovery = speed if recovery is None else recovery
        for pace in (speed, recovery):
            if pace < 1:
                raise ValueError(f"speed {pace} must be 1 or more")
        faster = self._faster_cases(speed) if speed > 1 else self
        if recovery == 1:
            return faster
        version = faster.version if recovery == speed else f"{faster.version}, recovery ×{recovery}"
        payments, dunning = faster.payments.accelerated(recovery), faster.dunning.accelerated(recovery)
        return faster.model_copy(update={"version": version, "payments": payments, "dunning": dunning})

    def _faster_cases(self, speed: int) -> Self:
        """Everything but recovery."""
        return self.model_copy(
            update={
                "version": f"{self.version}×{speed}",
                "sla": _faster_sla(self.sla, speed),
                "disputes": self.disputes.model_copy(
                    update={
                        "remind_customer_after": _divided(self.disputes.remind_customer_after, speed),
                        "close_unanswered_after": self.disputes.close_unanswered_after / speed,
                    }
                ),
                "approvals": self.approvals.accelerated(speed),
                "provider": ProviderPolicy(look_up_after=_divided(self.provider.look_up_after, speed)),
            }
        )


def _divided(durations: tuple[timedelta, ...], speed: int) -> tuple[timedelta, ...]:
    return tuple(duration / speed for duration in durations)


def _faster_sla(sla: SlaPolicy, speed: int) -> SlaPolicy:
    rows = {
        tier: row.model_copy(update={name: getattr(row, name).divided(speed) for name in type(row).model_fields})
        for tier, row in sla.commitments.items()
    }
    stages = ("acknowledge_within", "triage", "data_collection", "root_cause")
    return sla.model_copy(
        update={
            "commitments": rows,
            "update_every": sla.update_every / speed,
            **{name: getattr(sla, name).divided(speed) for name in stages},
        }
    )
