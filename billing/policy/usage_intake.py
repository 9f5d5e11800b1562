"""Which usage is taken in: how far from now, and for how long after its period was closed."""

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class UsageIntakePolicy(BaseModel):
    """An event may be `ahead_at_most` ahead of our clock and no older than `kept_for`; one whose period was closed less
    than `late_within` ago is late and billed on the next invoice, after that a person decides. The daily validation
    looks back `validated_days` local days."""

    model_config = ConfigDict(frozen=True)

    version: str
    ahead_at_most: timedelta
    kept_for: timedelta
    late_within: timedelta
    validated_days: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _what_may_be_late_is_kept(self) -> Self:
        if self.ahead_at_most < timedelta(0) or self.late_within < timedelta(0):
            raise ValueError(f"spans must not be negative: ahead {self.ahead_at_most}, late {self.late_within}")
        if self.kept_for < self.late_within:
            raise ValueError(f"usage is kept for {self.kept_for}, yet may be late for {self.late_within}")
        return self

    def late_since(self, now: datetime) -> datetime:
        """The moment since which a period must have been closed for its usage to be late, not too late."""
        return now - self.late_within
