"""An issued invoice as the books hold it: numbered lines that sum to the total, corrected only by new documents."""

from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from billing.money import Currency, Money
from billing.periods import BillingMonth
from billing.prices import MeterPrice
from billing.tenants import MeterName, TenantId


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
    """One line: `meter` None is a fee; `applied_price` is the price the line was rated with, kept for ever."""

    model_config = ConfigDict(frozen=True)

    number: int
    description: str
    meter: MeterName | None = None
    quantity: Decimal
    amount_minor: int
    applied_price: MeterPrice | None = None


class Invoice(BaseModel):
    """One document: revision 1 is the original, a later one restates it after a credit note and points at it (D8)."""

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

    def line_for(self, meter: str) -> InvoiceLine | None:
        """The usage line of a meter, or None when the meter was not billed."""
        return next((line for line in self.lines if line.meter == meter), None)
