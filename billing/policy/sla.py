"""How long a case may take: budgets by tier and stage, what counts as working time, when a warning comes."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.tenants import Tier


class Counts(StrEnum):
    """Which time a budget is spent in: every hour, or only hours of business days in the tenant's zone."""

    EVERY_HOUR = "every_hour"
    BUSINESS_DAYS = "business_days"


class Budget(BaseModel):
    """An amount of time to spend; five business days are 120 hours that pass only on business days."""

    model_config = ConfigDict(frozen=True)

    amount: Annotated[timedelta, Field(gt=timedelta(0))]
    counts: Counts = Counts.EVERY_HOUR

    def divided(self, speed: int) -> Self:
        """The same budget at `speed` times the pace; business days become the calendar days they usually span."""
        calendar = self.amount * 7 / 5 if self.counts is Counts.BUSINESS_DAYS else self.amount
        return type(self)(amount=calendar / speed)


class TierCommitment(BaseModel):
    """One row of the SLA table (D12)."""

    model_config = ConfigDict(frozen=True)

    initial_response: Budget
    investigation: Budget
    resolution: Budget

    @model_validator(mode="after")
    def _response_before_investigation_before_resolution(self) -> Self:
        steps = (self.initial_response.amount, self.investigation.amount, self.resolution.amount)
        if list(steps) != sorted(steps):
            raise ValueError(f"a commitment must grow from response to resolution, got {[str(s) for s in steps]}")
        return self


class SlaPolicy(BaseModel):
    """Commitments by tier, the stage targets that every tier shares (D3), and the warning before a breach (D12)."""

    model_config = ConfigDict(frozen=True)

    commitments: dict[Tier, TierCommitment]
    acknowledge_within: Budget
    triage: Budget
    data_collection: Budget
    root_cause: Budget
    warn_at: Annotated[Decimal, Field(gt=0, lt=1)]
    update_every: timedelta

    @model_validator(mode="after")
    def _every_tier_has_a_commitment(self) -> Self:
        missing = [tier.value for tier in Tier if tier not in self.commitments]
        if missing:
            raise ValueError(f"no commitment for {', '.join(missing)}")
        return self

    def budgets(self, tier: Tier) -> dict[str, Budget]:
        """Every clock of a dispute by name; the acknowledgement takes the tighter of its two limits (D9)."""
        row = self.commitments[tier]
        return {
            "initial response": min(row.initial_response, self.acknowledge_within, key=lambda budget: budget.amount),
            "triage": self.triage,
            "data collection": self.data_collection,
            "root cause": self.root_cause,
            "investigation": row.investigation,
            "resolution": row.resolution,
        }
