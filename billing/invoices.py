"""An issued invoice as the books hold it: numbered lines that sum to the total, corrected only by new documents."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from billing.money import Currency, Money
from billing.periods import BillingMonth
from billing.prices import MeterPrice
from billing.tenants import MeterName, TenantId

# What the line of a contract's minimum is called, and what follows a fee's name where its billing in advance is put right.
MINIMUM_COMMITMENT = "Minimum commitment"
AS_BILLED_IN_ADVANCE = ", as billed in advance"


class InvoiceStatus(StrEnum):
    """Stripe's five words; everything but a draft is issued and never edited again (D8)."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class LineKind(StrEnum):
    """What a line bills, in the order of the document: charges, then what lowers them, then tax."""

    FEE = "fee"
    FEE_IN_ADVANCE = "fee_in_advance"
    USAGE = "usage"
    LATE_USAGE = "late_usage"
    MINIMUM = "minimum"
    ADJUSTMENT = "adjustment"
    DISCOUNT = "discount"
    FIXED_DISCOUNT = "fixed_discount"
    TAX = "tax"


class InvoiceLine(BaseModel):
    """One line; `applied_price` is the price its usage was rated with, kept for ever.

    Without a `kind` it bills usage when it has a meter, else a fee. `active_days` of `period_days` prorated it; `rate` is
    the share of one that a discount took off or a tax put on.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    description: str
    meter: MeterName | None = None
    quantity: Decimal
    amount_minor: int
    applied_price: MeterPrice | None = None
    kind: LineKind = Field(default_factory=lambda line: LineKind.USAGE if line.get("meter") else LineKind.FEE)
    service_start: date | None = None
    service_end: date | None = None
    active_days: int | None = None
    period_days: int | None = None
    rate: Decimal | None = None

    @property
    def proration(self) -> tuple[int, int]:
        """Active days and days of the period; a whole one when the line does not say."""
        return self.active_days if self.active_days is not None else 1, self.period_days or 1

    @property
    def is_decided(self) -> bool:
        """Whether it was decided as it stands, such as in a dispute: neither discounts nor tax are on it."""
        return self.kind is LineKind.ADJUSTMENT and self.service_start is None


class Invoice(BaseModel):
    """One document: revision 1 is the original, a later one restates it after a credit note and points at it (D8).

    `applied_credit_minor` is what earlier credits took off when it was issued; its lines and total stay as they are (B4).
    """

    model_config = ConfigDict(frozen=True)

    invoice_id: str
    number: str
    revision: int = 1
    tenant_id: TenantId
    period: BillingMonth
    status: InvoiceStatus
    currency: Currency
    lines: tuple[InvoiceLine, ...]
    total_minor: int
    issued_at: AwareDatetime | None
    corrects: str | None = None
    provider_invoice_id: str | None = None
    legal_entity_id: str | None = None
    run_id: str | None = None
    service_start: date | None = None
    service_end: date | None = None
    applied_credit_minor: int = 0

    @model_validator(mode="after")
    def _lines_sum_to_the_total(self) -> Self:
        total = sum(line.amount_minor for line in self.lines)
        if total != self.total_minor:
            raise ValueError(f"invoice {self.invoice_id}: lines sum to {total}, the total says {self.total_minor}")
        return self

    @property
    def total(self) -> Money:
        """`total_minor` with its currency: what the lines sum to."""
        return Money(minor=self.total_minor, currency=self.currency)

    @property
    def due_minor(self) -> int:
        """What was asked for when it was issued."""
        return self.total_minor - self.applied_credit_minor

    def line_for(self, meter: str) -> InvoiceLine | None:
        """The usage line of a meter, the first where a change of price made several; None when it was not billed."""
        return next(iter(self.lines_for(meter)), None)

    def lines_for(self, meter: str) -> tuple[InvoiceLine, ...]:
        """Every usage line of a meter: one for each price it was billed at in the period."""
        return tuple(line for line in self.lines if line.meter == meter and line.kind is LineKind.USAGE)
