"""What a meter costs: an allowance, then a scheme of tiers, with a least and a most that a period may come to."""

from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from billing.rate_cards import RateCard
from billing.tenants import MeterName

UnitAmount = Annotated[Decimal, Field(ge=0, max_digits=24, decimal_places=8)]
# Quantities are kept to six decimals of a unit, and no finer bound would mean anything.
Units = Annotated[Decimal, Field(max_digits=24, decimal_places=6)]


class Scheme(StrEnum):
    """How tiers apply: each to the units that fall into it, the reached one to all units, or by whole packages."""

    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGES = "packages"


class PriceTier(BaseModel):
    """A step up to and including `up_to` units beyond the allowance (None: no end).

    `unit_amount` in minor units of the contract's currency, a unit or, for packages, a package; `flat_minor` is due once
    as soon as the tier is reached.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    up_to: Annotated[Units, Field(gt=0)] | None = None
    unit_amount: UnitAmount
    flat_minor: Annotated[int, Field(ge=0)] = 0


class MeterPrice(BaseModel):
    """One meter's price: `included` units are free, what exceeds them is charged by the scheme (B5).

    `minimum_minor` and `maximum_minor` bound what a whole period of the meter comes to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    meter: MeterName
    included: Annotated[Units, Field(ge=0)] = Decimal(0)
    scheme: Scheme = Scheme.GRADUATED
    tiers: Annotated[tuple[PriceTier, ...], Field(min_length=1)]
    package_size: Annotated[Units, Field(gt=0)] | None = None
    minimum_minor: Annotated[int, Field(ge=0)] | None = None
    maximum_minor: Annotated[int, Field(ge=0)] | None = None

    @field_validator("tiers")
    @classmethod
    def _tiers_climb_without_gap_or_end(
        cls, tiers: tuple[PriceTier, ...], known: ValidationInfo
    ) -> tuple[PriceTier, ...]:
        """A tier begins where the one before it ends, so they leave no gap and overlap nowhere."""
        bounds, meter = [tier.up_to for tier in tiers], known.data.get("meter")
        closed = [bound for bound in bounds[:-1] if bound is not None]
        if len(closed) != len(bounds) - 1 or bounds[-1] is not None:
            raise ValueError(f"tiers of {meter}: every tier but the last needs up_to, the last must be open")
        if any(lower >= upper for lower, upper in pairwise(closed)):
            raise ValueError(f"tiers of {meter}: up_to must climb, got {[str(bound) for bound in closed]}")
        return tiers

    @model_validator(mode="after")
    def _packages_have_a_size(self) -> Self:
        packaged = self.scheme is Scheme.PACKAGES
        if packaged != (self.package_size is not None):
            raise ValueError(f"price of {self.meter}: package_size belongs to the scheme packages, and to no other")
        broken = [tier.up_to for tier in self.tiers if tier.up_to is not None and tier.up_to % 1]
        if packaged and broken:
            raise ValueError(f"tiers of {self.meter}: up_to counts whole packages, got {broken[0]}")
        return self

    @model_validator(mode="after")
    def _least_is_not_above_most(self) -> Self:
        if (
            self.minimum_minor is not None
            and self.maximum_minor is not None
            and self.minimum_minor > self.maximum_minor
        ):
            raise ValueError(
                f"price of {self.meter}: minimum_minor {self.minimum_minor} is above maximum_minor {self.maximum_minor}"
            )
        return self

    @cached_property
    def card(self) -> RateCard:
        """The price in whole numbers, compiled once, for rating many quantities."""
        return RateCard.of(self)
