"""What a tenant agreed to: terms that many contracts share, and the stretch of time in which they hold."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from billing.corrections import sha256_of
from billing.money import Currency
from billing.prices import MeterPrice
from billing.tenants import MeterName, TenantId

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
Minor = Annotated[int, Field(ge=0)]


class Timing(StrEnum):
    """Whether a fee is charged before its service period or after it."""

    ADVANCE = "advance"
    ARREARS = "arrears"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecurringFee(_Part):
    """`amount_minor` for a whole service period; a shorter one pays its days' share (B1)."""

    name: Name
    amount_minor: Minor
    timing: Timing = Timing.ARREARS


class PercentDiscount(_Part):
    """`percent` of what is left after earlier discounts: of the meters named, or of everything charged."""

    name: Name
    percent: Annotated[Decimal, Field(gt=0, le=100, max_digits=9, decimal_places=4)]
    meters: tuple[MeterName, ...] = ()


class FixedDiscount(_Part):
    """Taken off after every percentage and before tax, never below zero (B3)."""

    name: Name
    amount_minor: Annotated[int, Field(gt=0)]


class Tax(_Part):
    """`rate` as a share of one (`0.19`), on what is left after discounts."""

    name: Name
    rate: Annotated[Decimal, Field(ge=0, lt=1, max_digits=9, decimal_places=6)]


class Terms(_Part):
    """Everything a bill is made from, in one currency. Never changed: other terms are another row, shared by their hash.

    `minimum_minor` is what the charges of a whole period come to at least.
    """

    currency: Currency
    fees: tuple[RecurringFee, ...] = ()
    prices: tuple[MeterPrice, ...] = ()
    discounts: tuple[PercentDiscount, ...] = ()
    fixed_discounts: tuple[FixedDiscount, ...] = ()
    minimum_minor: Minor | None = None
    tax: Tax | None = None

    @model_validator(mode="after")
    def _nothing_is_named_twice(self) -> Self:
        for what, names in (
            ("meter", [price.meter for price in self.prices]),
            ("fee", [fee.name for fee in self.fees]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"terms name a {what} twice: {sorted(names)}")
        return self

    @model_validator(mode="after")
    def _discounts_are_on_meters_with_a_price(self) -> Self:
        for discount in self.discounts:
            if unpriced := sorted(set(discount.meters) - self.meters):
                raise ValueError(f"discount {discount.name} is on {unpriced[0]}, which the terms do not price")
        return self

    @cached_property
    def meters(self) -> frozenset[str]:
        """Every meter with a price."""
        return frozenset(price.meter for price in self.prices)

    def price_of(self, meter: str) -> MeterPrice | None:
        """The agreed price of a meter, or None when the terms do not know it."""
        return next((price for price in self.prices if price.meter == meter), None)

    def sha256(self) -> str:
        """The hash by which equal terms are kept once."""
        return sha256_of(self.model_dump(mode="json"))


class Pause(_Part):
    """Local days `[first, end)` without service (None: until further notice): no fee, no allowance, no minimum."""

    first: date
    end: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.end is not None and self.end <= self.first:
            raise ValueError(f"pause from {self.first} must end after that day, got {self.end}")
        return self


class Contract(BaseModel):
    """Terms in force for a tenant from `starts` (inclusive) to `ends` (exclusive, None: open), its pauses left out."""

    model_config = ConfigDict(frozen=True)

    contract_id: str
    tenant_id: TenantId
    starts: AwareDatetime
    ends: AwareDatetime | None = None
    terms: Terms
    pauses: tuple[Pause, ...] = ()

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends is not None and self.ends <= self.starts:
            raise ValueError(
                f"contract {self.contract_id} ends {self.ends}, which is not after its start {self.starts}"
            )
        return self

    @property
    def currency(self) -> str:
        """The currency of its terms."""
        return self.terms.currency

    def price_of(self, meter: str) -> MeterPrice | None:
        """The agreed price of a meter, or None when the contract does not know it."""
        return self.terms.price_of(meter)
