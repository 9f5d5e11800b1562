"""When a dispute is grave, when it escalates at once, and how long a silent customer or approver is waited for."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.money import Money


class DisputePolicy(BaseModel):
    """Thresholds of triage (D2, D10) and the customer's time to answer; amounts in the reference currency."""

    model_config = ConfigDict(frozen=True)

    high_from: Money
    normal_from: Money
    escalate_above: Money
    pattern_tenants: Annotated[int, Field(ge=2)]
    pattern_window: timedelta
    remind_customer_after: tuple[timedelta, ...]
    close_unanswered_after: timedelta

    @model_validator(mode="after")
    def _thresholds_climb(self) -> Self:
        if not self.normal_from < self.high_from < self.escalate_above:
            raise ValueError(
                f"thresholds must climb: normal {self.normal_from}, high {self.high_from}, escalate {self.escalate_above}"
            )
        return self

    @model_validator(mode="after")
    def _reminders_climb_and_precede_closing(self) -> Self:
        moments = (*self.remind_customer_after, self.close_unanswered_after)
        if list(moments) != sorted(set(moments)):
            raise ValueError(f"reminders must climb and come before closing, got {[str(m) for m in moments]}")
        return self

    def is_pattern(self, tenants: int) -> bool:
        """Whether so many tenants who contest the same make a pattern (D10)."""
        return tenants >= self.pattern_tenants


class ApprovalPolicy(BaseModel):
    """How long a question waits: reminders every `remind_every`, then the next role, at `expire_after` it is a no. Once
    `refusals_at_most` answers to it did not count, no more are looked at."""

    model_config = ConfigDict(frozen=True)

    remind_every: timedelta
    escalate_after: timedelta
    expire_after: timedelta
    refusals_at_most: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _reminds_before_it_escalates_before_it_expires(self) -> Self:
        if not timedelta(0) < self.remind_every <= self.escalate_after < self.expire_after:
            raise ValueError(
                f"remind ({self.remind_every}) before escalating ({self.escalate_after}) before expiring "
                f"({self.expire_after})"
            )
        return self

    def accelerated(self, speed: int) -> Self:
        """The same waits, each divided by `speed`."""
        return self.model_copy(
            update={
                "remind_every": self.remind_every / speed,
                "escalate_after": self.escalate_after / speed,
                "expire_after": self.expire_after / speed,
            }
        )


class ProviderPolicy(BaseModel):
    """When an unknown outcome is looked up again before a person is asked (see DESIGN, Effects)."""

    model_config = ConfigDict(frozen=True)

    look_up_after: Annotated[tuple[Annotated[timedelta, Field(gt=timedelta(0))], ...], Field(min_length=1)]
