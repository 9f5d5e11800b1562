"""When a payment is tried again, how often by hand, and below which amount nothing is charged at all (I6)."""

from datetime import time, timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from billing.money import Currency, Money

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

_Pause = Annotated[timedelta, Field(gt=timedelta(0))]


class PaymentPolicy(BaseModel):
    """`charge_after` counts from the first failed attempt; its first entry is the original charge itself.

    `look_up_after` spaces the look-ups of an outcome that nobody knows, then a person is asked. `least_charge` is what
    the provider charges at least, in minor units; in any other currency `least_charge_elsewhere`.
    """

    model_config = ConfigDict(frozen=True)

    charge_after: tuple[timedelta, ...]
    look_up_after: Annotated[tuple[_Pause, ...], Field(min_length=1)]
    manual_at_most: Annotated[int, Field(ge=0)]
    card_updates_at_most: Annotated[int, Field(ge=0)] = 5
    do_not_honor_retries: Annotated[int, Field(ge=0)]
    do_not_honor_after: _Pause
    look_at_holds_every: _Pause
    least_charge: dict[Currency, Annotated[int, Field(ge=1)]]
    least_charge_elsewhere: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _begins_with_the_charge_and_climbs(self) -> Self:
        if not self.charge_after or self.charge_after[0] != timedelta(0):
            raise ValueError("charge_after begins with the original charge: its first entry is 0")
        if list(self.charge_after) != sorted(set(self.charge_after)):
            raise ValueError(f"charge_after must climb, got {[str(pause) for pause in self.charge_after]}")
        return self

    def can_be_charged(self, amount: Money) -> bool:
        """Whether the provider charges so little at all."""
        return amount.minor >= self.least_charge.get(amount.currency, self.least_charge_elsewhere)

    def accelerated(self, speed: int) -> Self:
        """The same policy with every duration divided by `speed`, for the sandbox; counts and amounts stay."""
        return self.model_copy(
            update={
                "charge_after": tuple(pause / speed for pause in self.charge_after),
                "look_up_after": tuple(pause / speed for pause in self.look_up_after),
                "do_not_honor_after": self.do_not_honor_after / speed,
                "look_at_holds_every": self.look_at_holds_every / speed,
            }
        )


# When the daily collection begins, in the house's zone: after a month end has pushed its documents.
COLLECTED_AT = time(8)

# In force, and what a bundle means that was pinned before it knew payments.
PAYMENTS = PaymentPolicy(
    charge_after=(timedelta(0), 6 * HOUR, 24 * HOUR, 48 * HOUR),
    look_up_after=(5 * MINUTE, HOUR, DAY, DAY, DAY, DAY, DAY),
    manual_at_most=5,
    do_not_honor_retries=1,
    do_not_honor_after=24 * HOUR,
    look_at_holds_every=HOUR,
    least_charge={
        "USD": 50, "EUR": 50, "GBP": 30, "CHF": 50, "CAD": 50, "AUD": 50, "NZD": 50, "SEK": 300, "NOK": 300, "DKK": 250,
        "PLN": 200, "CZK": 1_500, "SGD": 50, "INR": 50, "BRL": 50, "MXN": 1_000, "JPY": 50,
    },
)  # fmt: skip
