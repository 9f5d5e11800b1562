"""From which share of its cap on a tenant's service is limited, when its people hear of it, and how access is answered."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.access import Restriction, Share
from billing.tenants import Tier

# Whole percents: letters name them.
OfCap = Annotated[Decimal, Field(gt=0, max_digits=5, decimal_places=2)]


class LimitStep(BaseModel):
    """At `at` times the cap, exactly that much included, service is limited to this (I7)."""

    model_config = ConfigDict(frozen=True)

    at: OfCap
    restriction: Restriction
    rate_share: Share

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.restriction is Restriction.NONE:
            raise ValueError(f"a step at {self.at} of the cap must limit something, got none")
        if (self.restriction is Restriction.RATE_LIMITED) != (0 < self.rate_share < 1):
            raise ValueError(f"{self.restriction} with a rate share of {self.rate_share}: only a rate limit has one")
        return self


class SpikePolicy(BaseModel):
    """A day is a spike from `factor` times the usual day of the `baseline_days` before it on, of which at least
    `used_days` saw usage: whoever has only begun has no usual day."""

    model_config = ConfigDict(frozen=True)

    baseline_days: Annotated[int, Field(gt=0)]
    factor: Annotated[Decimal, Field(gt=1)]
    used_days: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _used_days_fit(self) -> Self:
        if self.used_days > self.baseline_days:
            raise ValueError(f"{self.used_days} days of usage do not fit into {self.baseline_days} days")
        return self


class LimitsPolicy(BaseModel):
    """Alerts and limits by the share of the cap that is used (D14, I7), inclusive: they act at the threshold.

    `reviewed_at`: tiers whose overage is looked at by a person, from where on. `letters_a_batch` are sent by one step.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    alerts_at: Annotated[tuple[OfCap, ...], Field(min_length=1)]
    steps: dict[Tier, tuple[LimitStep, ...]]
    reviewed_at: dict[Tier, OfCap]
    spikes: SpikePolicy
    letters_a_batch: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _every_tier_is_provided_for(self) -> Self:
        for tier in Tier:
            if tier not in self.steps:
                raise ValueError(f"steps: nothing says what happens to {tier}; write () when nothing does")
            if bool(self.steps[tier]) == (tier in self.reviewed_at):
                raise ValueError(f"{tier}: overage is either limited by steps or reviewed by a person")
        return self

    @model_validator(mode="after")
    def _everything_climbs(self) -> Self:
        if any(lower >= upper for lower, upper in pairwise(self.alerts_at)):
            raise ValueError(f"alerts_at must climb, got {[str(at) for at in self.alerts_at]}")
        for tier, steps in self.steps.items():
            for lower, upper in pairwise(steps):
                if lower.at >= upper.at or lower.restriction.strictness >= upper.restriction.strictness:
                    raise ValueError(
                        f"the steps of {tier} must climb and grow stricter, got {upper.at} after {lower.at}"
                    )
        return self

    @property
    def lowest(self) -> Decimal:
        """The share of the cap below which nothing happens to anybody."""
        return min(*self.alerts_at, *(step.at for steps in self.steps.values() for step in steps))


class AccessPolicy(BaseModel):
    """How old an answer about access may be: `fresh_for` it is given without asking again, `repeated_for` it is repeated
    while the books cannot be asked, and marked as such. `asked_within` is how long a gateway waits for the books."""

    model_config = ConfigDict(frozen=True)

    fresh_for: timedelta
    asked_within: timedelta
    repeated_for: timedelta

    @model_validator(mode="after")
    def _repeats_longer_than_it_is_fresh(self) -> Self:
        if not timedelta(0) < self.fresh_for < self.repeated_for:
            raise ValueError(f"answers are repeated for {self.repeated_for}: longer than fresh ({self.fresh_for})")
        if self.asked_within <= timedelta(0):
            raise ValueError(f"asked_within must be more than nothing, got {self.asked_within}")
        return self
