"""The numbers of month end: when it starts, how it is cut, and what must not be issued before a person has looked."""

from datetime import time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.periods import ZoneName
from billing.policy.disputes import ApprovalPolicy


class Errand(StrEnum):
    """What is done with an issued document, one after the other."""

    PRINT = "print"
    PUSH = "push"
    DELIVER = "deliver"


Share = Annotated[Decimal, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class MonthEndPolicy(BaseModel):
    """One version for the whole house; a run reads it when it opens and keeps it to the end.

    A run starts on the first of the month at `starts_at` in `zone`, which is also where a month is over; usage is validated
    every day. Sizes are in tenants and documents, spans are real time. A run waits for `reconciled_within` to hear how its
    comparison with the provider came out, and ends without knowing then.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    zone: ZoneName = "UTC"
    starts_at: time
    usage_validated_at: time
    catch_up_within: timedelta

    # A tenant's draft is flagged above `spike_factor` times the median of its invoices of the last `median_months`.
    spike_factor: Share
    median_months: Count
    lines_at_most: Count
    # The run's total of a currency against the previous period's, either way; also what is first billed in a currency.
    total_moves_at_most: Share
    approvals: ApprovalPolicy

    shard_size: Count
    shards_at_once: Count
    shards_before_a_new_run: Count
    documents_a_batch: Count
    batches_at_once: Count

    # What is done with an issued document; a house whose invoices leave another way does less.
    errands: tuple[Errand, ...] = tuple(Errand)
    look_at_holds_every: timedelta
    push_again_after: tuple[timedelta, ...]
    reconciled_within: timedelta
    listed_at_most: Count

    @model_validator(mode="after")
    def _waits_are_positive(self) -> Self:
        waits = (self.catch_up_within, self.look_at_holds_every, self.reconciled_within, *self.push_again_after)
        if any(wait <= timedelta(0) for wait in waits):
            raise ValueError(f"every wait must be longer than nothing, got {[str(wait) for wait in waits]}")
        return self

    def accelerated(self, speed: int) -> Self:
        """The same policy with every duration a run waits divided by `speed`; bounds and sizes stay."""
        if speed < 1:
            raise ValueError(f"speed {speed} must be 1 or more")
        if speed == 1:
            return self
        return self.model_copy(
            update={
                "version": f"{self.version}×{speed}",
                "look_at_holds_every": self.look_at_holds_every / speed,
                "reconciled_within": self.reconciled_within / speed,
                "push_again_after": tuple(wait / speed for wait in self.push_again_after),
                "approvals": self.approvals.accelerated(speed),
            }
        )
