"""How long an event of the payment provider is tried again, and how far back the sweep looks for what never arrived (I9)."""

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ProviderEventsPolicy(BaseModel):
    """The first further try comes after `first_retry_after`, each wait is `grows_by` times the last and never longer than
    `spaced_at_most`; past `keep_trying`, counted from the arrival or from when a person asked for it, the event is parked.

    `readings_at_once` invoices are read side by side, each with a few requests one after the other.
    `look_every` is real time at any speed: a looking that nobody called for. The sweep reads again what is younger than its
    mark less `sweep_overlap`, and without a mark what the provider still has, `sweep_reaches_back`.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    first_retry_after: timedelta
    grows_by: Annotated[int, Field(ge=2)]
    spaced_at_most: timedelta
    keep_trying: timedelta
    look_every: timedelta
    events_a_batch: Annotated[int, Field(ge=1, le=1_000)]
    readings_at_once: Annotated[int, Field(ge=1, le=16)]
    sweep_overlap: timedelta
    sweep_reaches_back: timedelta

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if not timedelta(0) < self.first_retry_after <= self.spaced_at_most < self.keep_trying:
            raise ValueError(
                f"the first wait ({self.first_retry_after}) is at most the longest ({self.spaced_at_most}), and that is "
                f"shorter than all of the trying ({self.keep_trying})"
            )
        if not timedelta(0) <= self.sweep_overlap < self.sweep_reaches_back:
            raise ValueError(
                f"a sweep overlaps ({self.sweep_overlap}) by less than it reaches back ({self.sweep_reaches_back})"
            )
        return self

    def next_try(self, attempts: int, trying_since: datetime, now: datetime) -> datetime | None:
        """When an event that has failed `attempts` times, the last time now, is tried again; None: parked. The last try
        is at the very end of the time given to it."""
        give_up_at = trying_since + self.keep_trying
        if now >= give_up_at:
            return None
        # Powers beyond any sensible schedule would overflow a timedelta.
        growth: int = self.grows_by ** min(attempts - 1, 20)
        return min(now + min(self.first_retry_after * growth, self.spaced_at_most), give_up_at)

    def accelerated(self, speed: int) -> Self:
        """The same policy with every wait between tries divided by `speed`, for the sandbox."""
        return self.model_copy(
            update={
                "first_retry_after": self.first_retry_after / speed,
                "spaced_at_most": self.spaced_at_most / speed,
                "keep_trying": self.keep_trying / speed,
            }
        )
