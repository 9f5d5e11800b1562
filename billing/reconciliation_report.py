"""What a reconciliation found, in figures: differences by kind, totals by currency, and what needs a person."""

from pydantic import BaseModel, ConfigDict

from billing.money import Currency, Money
from billing.reconciliation import Difference
from billing.wording import counted

WORDS: dict[Difference, tuple[str, str]] = {
    Difference.MISSING_AT_PROVIDER: ("document missing at the provider", "documents missing at the provider"),
    Difference.MISSING_IN_BOOKS: ("invoice missing in the books", "invoices missing in the books"),
    Difference.STATUS: ("differing status", "differing statuses"),
    Difference.AMOUNT: ("differing amount", "differing amounts"),
    Difference.CURRENCY: ("differing currency", "differing currencies"),
    Difference.DUPLICATE: ("duplicate", "duplicates"),
}


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class DifferenceCount(_Record):
    """How often a kind of difference was found: beyond what may be, and within it."""

    difference: Difference
    beyond: int = 0
    within: int = 0

    def in_words(self) -> str:
        """Such as `2 duplicates`, of those that count."""
        one, many = WORDS[self.difference]
        return f"1 {one}" if self.beyond == 1 else f"{self.beyond:,} {many}"


class CurrencyComparison(_Record):
    """Both sides in one currency. `apart_minor` adds every difference up without its sign: nothing nets (P5)."""

    currency: Currency
    documents: int
    internal_minor: int
    provider_minor: int
    apart_minor: int

    @property
    def internal(self) -> Money:
        """What the books hold."""
        return Money(minor=self.internal_minor, currency=self.currency)

    @property
    def provider(self) -> Money:
        """What the provider holds."""
        return Money(minor=self.provider_minor, currency=self.currency)

    @property
    def apart(self) -> Money:
        """Zero only when every single document agrees."""
        return Money(minor=self.apart_minor, currency=self.currency)


class ListedDifference(_Record):
    """One difference as it stands in `billing_audit`, for people."""

    difference: Difference
    within_tolerance: bool
    tenant_id: str | None = None
    invoice_id: str | None = None
    provider_invoice_id: str | None = None
    internal: Money | None = None
    provider: Money | None = None
    tolerance: Money | None = None
    detail: str
    repair: str

    def in_words(self) -> str:
        """One sentence that names the documents, the figures and the repair."""
        subject = " / ".join(name for name in (self.invoice_id, self.provider_invoice_id) if name)
        if self.internal is not None and self.provider is not None:
            figures = f"{self.internal} in the books, {self.provider} at the provider"
        else:
            figures = str(self.internal if self.provider is None else self.provider)
        return f"{subject}: {self.detail} ({figures}). {self.repair}"


class ReconciliationReport(_Record):
    """A finished comparison. `worst` holds the first of the differences beyond tolerance; the counts are complete."""

    reconciliation_id: str
    period: str
    documents: int
    provider_invoices: int
    counts: tuple[DifferenceCount, ...] = ()
    totals: tuple[CurrencyComparison, ...] = ()
    worst: tuple[ListedDifference, ...] = ()

    @property
    def beyond(self) -> int:
        """How many differences somebody has to look at."""
        return sum(count.beyond for count in self.counts)

    @property
    def within(self) -> int:
        """How many differences are small enough to be left alone."""
        return sum(count.within for count in self.counts)

    @property
    def duplicates(self) -> int:
        """How many invoices stand at the provider once too often; nothing voids one without a person."""
        return sum(count.beyond for count in self.counts if count.difference is Difference.DUPLICATE)

    def in_words(self) -> str:
        """The outcome in a sentence."""
        compared = f"{counted(self.documents, 'document')} against {counted(self.provider_invoices, 'invoice')}"
        kinds = [count.in_words() for count in self.counts if count.beyond]
        if not kinds:
            return f"{compared}: no difference beyond tolerance" if self.within else f"{compared}: both agree"
        return f"{compared}: {', '.join(kinds)}"
