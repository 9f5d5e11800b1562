"""What usage costs: a meter's price (allowance, then graduated tiers) and the contract that holds a tenant's prices."""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from billing.money import Currency
from billing.tenants import MeterName, TenantId

UnitAmount = Annotated[Decimal, Field(ge=0, max_digits=24, decimal_places=8)]


class PriceTier(BaseModel):
    """A step of a graduated price: `unit_amount` minor units per unit up to and including `up_to` (None: no end)."""

    model_config = ConfigDict(frozen=True)

    up_to: Annotated[Decimal, Field(gt=0)] | None = None
    unit_amount: UnitAmount
    flat_minor: Annotated[int, Field(ge=0)] = 0


class MeterPrice(BaseModel):
    """One meter's price: `included` units are free, what exceeds them walks up the tiers (B5); one tier is per unit."""

    model_config = ConfigDict(frozen=True)

    meter: MeterName
    included: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    tiers: Annotated[tuple[PriceTier, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _tiers_climb_without_gap_or_end(self) -> Self:
        bounds = [tier.up_to for tier in self.tiers]
        closed = [bound for bound in bounds[:-1] if bound is not None]
        if len(closed) != len(bounds) - 1 or bounds[-1] is not None:
            raise ValueError(f"tiers of {self.meter}: every tier but the last needs up_to, the last must be open")
        if any(lower >= upper for lower, upper in pairwise(closed)):
            raise ValueError(f"tiers of {self.meter}: up_to must climb, got {[str(bound) for bound in closed]}")
        return self


class Contract(BaseModel):
    """What a tenant agreed to pay from `starts` (inclusive) to `ends` (exclusive, None: open), in one currency."""

    model_config = ConfigDict(frozen=True)

    contract_id: str
    tenant_id: TenantId
    currency: Currency
    starts: AwareDatetime
    ends: AwareDatetime | None = None
    base_fee_minor: Annotated[int, Field(ge=0)] = 0
    prices: tuple[MeterPrice, ...]

    @model_validator(mode="after")
    def _one_price_a_meter(self) -> Self:
        meters = [price.meter for price in self.prices]
        if len(set(meters)) != len(meters):
            raise ValueError(f"contract {self.contract_id} prices a meter twice: {sorted(meters)}")
        return self

    def price_of(self, meter: str) -> MeterPrice | None:
        """The agreed price of a meter, or None when the contract does not know it."""
        return next((price for price in self.prices if price.meter == meter), None)
