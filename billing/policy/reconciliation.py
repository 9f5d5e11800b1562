"""How far our books and the provider's may be apart, and how long a question about duplicates waits for a person (P5)."""

from datetime import time, timedelta
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ReconciliationPolicy(BaseModel):
    """`share` is a fraction of the absolute amount in our books, exactly that much still passes; every line adds
    `minor_units_a_line`, since each may have been rounded once. `starts_at` is the daily one's time in the house's zone.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    starts_at: time
    share: Annotated[Decimal, Field(ge=0, lt=1)]
    minor_units_a_line: Annotated[int, Field(ge=0)]
    remind_every: timedelta
    decide_within: timedelta

    @model_validator(mode="after")
    def _reminds_before_the_time_is_over(self) -> Self:
        if not timedelta(0) < self.remind_every < self.decide_within:
            raise ValueError(f"remind ({self.remind_every}) before the time to decide is over ({self.decide_within})")
        return self

    def tolerance(self, internal_minor: int, lines: int) -> int:
        """How many minor units the provider may be away from an amount of ours; zero has no share."""
        return int(abs(internal_minor) * self.share) + lines * self.minor_units_a_line

    def accelerated(self, speed: int) -> Self:
        """The same policy with every duration divided by `speed`, for the sandbox; amounts stay."""
        return self.model_copy(
            update={"remind_every": self.remind_every / speed, "decide_within": self.decide_within / speed}
        )
