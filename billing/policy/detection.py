"""What counts as suspicious usage or a breach of service quality, and what a breach is worth (D5)."""

from datetime import time
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.tenants import Tier

_NONE = Decimal(0)

Share = Annotated[Decimal, Field(ge=0, le=1)]


class UsagePolicy(BaseModel):
    """Spikes against the trailing `baseline_days`, off-hours in the tenant's zone, signs of a stolen key."""

    model_config = ConfigDict(frozen=True)

    baseline_days: Annotated[int, Field(gt=0)]
    spike_factor: Annotated[Decimal, Field(gt=1)]
    off_hours_from: time
    off_hours_until: time
    off_hours_share: Share
    failed_authentications: Annotated[int, Field(gt=0)]


class QualityThreshold(BaseModel):
    """The service a tier was promised, per hour: share of failed requests and latency in milliseconds."""

    model_config = ConfigDict(frozen=True)

    error_rate: Share
    p95_ms: Annotated[int, Field(gt=0)]
    p99_ms: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _percentiles_climb(self) -> Self:
        if self.p95_ms > self.p99_ms:
            raise ValueError(f"p95 ({self.p95_ms} ms) must not be above p99 ({self.p99_ms} ms)")
        return self


class QualityCredit(BaseModel):
    """From `breached_share` of the period's hours in breach on, `share_of_charge` of the charge is given back."""

    model_config = ConfigDict(frozen=True)

    breached_share: Share
    share_of_charge: Share


class QualityPolicy(BaseModel):
    """Thresholds by tier, and the ladder from time in breach to credit; hours under `minimum_requests` do not count."""

    model_config = ConfigDict(frozen=True)

    thresholds: dict[Tier, QualityThreshold]
    credits: tuple[QualityCredit, ...]
    minimum_requests: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _every_tier_has_thresholds_and_credits_climb(self) -> Self:
        missing = [tier.value for tier in Tier if tier not in self.thresholds]
        if missing:
            raise ValueError(f"no quality threshold for {', '.join(missing)}")
        for lower, upper in pairwise(self.credits):
            if lower.breached_share >= upper.breached_share or lower.share_of_charge >= upper.share_of_charge:
                raise ValueError(
                    f"quality credits must climb, got {upper.share_of_charge} after {lower.share_of_charge}"
                )
        return self

    def share_for(self, breached_share: Decimal) -> Decimal:
        """The part of the charge a breach gives back: the highest step reached, zero below the first one."""
        return max(
            (step.share_of_charge for step in self.credits if step.breached_share <= breached_share), default=_NONE
        )
