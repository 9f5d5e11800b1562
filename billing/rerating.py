"""What the findings are worth: each disputed line is rated again with them, never priced at the margin (D6).

Findings are applied one after another, and each is worth what its line costs less than before it. So amounts sum to the
overbilling by construction, whatever tiers and allowances do. Three rules hold on the way:

- A line is never corrected above what it was billed: undercharges only use up overcharges of the same line.
- Usage that was never recorded (missing events) changes nothing; it is told and not billed afterwards.
- What cannot be rated, or contradicts the bill, makes the whole assessment a person's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from billing.contracts import Contract
from billing.disputes import Resolution
from billing.findings import Assessment, CorrectedLine, Finding, FindingKind
from billing.invoices import Invoice, InvoiceLine
from billing.money import CurrencyMismatchError, Money, half_up
from billing.prices import MeterPrice
from billing.rating import rate
from billing.wording import percent, written


def assess(
    findings: Sequence[Finding], invoice: Invoice, contract: Contract, *, already_credited: Money, disputed: Money
) -> Assessment:
    """Re-rate the lines the findings touch and suggest a credit, at most the rest of the invoice, and a resolution.

    `already_credited` is what was given back for this document without restating it; a credit note's corrected revision
    starts at zero again. Raises CurrencyMismatchError unless contract, invoice and both amounts share a currency.
    """
    if contract.currency != invoice.currency:
        raise CurrencyMismatchError(
            f"contract {contract.contract_id} is in {contract.currency}, invoice {invoice.number} in {invoice.currency}"
        )
    reviews = _reviews(findings, invoice, contract)
    valued = tuple(_valued(finding, reviews, invoice.currency) for finding in findings)
    overbilled = sum((review.overbilled for review in reviews.values()), Money.zero(invoice.currency))
    credit = _credit(overbilled, invoice.total, already_credited)
    doubts = [doubt for review in reviews.values() for doubt in review.doubts()]
    return Assessment(
        findings=valued,
        lines=tuple(review.corrected() for review in reviews.values()),
        overbilled=overbilled,
        already_credited=already_credited,
        credit=credit,
        resolution=_resolution(credit, disputed),
        conclusive=not doubts and all(finding.conclusive for finding in findings),
        explanation=(
            *(sentence for review in reviews.values() for sentence in review.told()),
            *doubts,
            _sum_told(overbilled, already_credited, credit),
        ),
    )


@dataclass
class _Review:
    """One invoice line while findings are applied to it. `discrepancy` is what it was billed beyond its own price."""

    line: InvoiceLine
    meter: str
    currency: str
    price: MeterPrice | None
    discrepancy: int
    removed: Decimal = Decimal(0)
    repriced: bool = False
    given_back: list[Decimal] = field(default_factory=list)

    def apply(self, finding: Finding) -> Money:
        """Correct the line by one finding; returns what it is worth."""
        before = self.correct_minor
        if finding.kind is not FindingKind.MISSING_EVENTS:
            self.removed += finding.excess_quantity
        if finding.correct_price is not None:
            self.price, self.discrepancy, self.repriced = finding.correct_price, 0, True
        if finding.share_of_charge:
            self.given_back.append(finding.share_of_charge)
        return self._money(before - self.correct_minor)

    @property
    def quantity(self) -> Decimal:
        return max(Decimal(0), self.line.quantity - self.removed)

    @property
    def due_minor(self) -> int:
        """What the line costs with the findings so far, even where that is more than was billed."""
        due = self.line.amount_minor if self.price is None else rate(self.price, self.quantity) + self.discrepancy
        for share in self.given_back:
            due -= half_up(due * share)
        return max(0, due)

    @property
    def correct_minor(self) -> int:
        return min(self.line.amount_minor, self.due_minor)

    @property
    def overbilled(self) -> Money:
        return self._money(self.line.amount_minor - self.correct_minor)

    def corrected(self) -> CorrectedLine:
        """The line to restate; as billed when there is nothing to give back."""
        changed = bool(self.overbilled)
        return CorrectedLine(
            line_number=self.line.number,
            meter=self.meter,
            billed_quantity=self.line.quantity,
            correct_quantity=self.quantity if changed else self.line.quantity,
            billed_minor=self.line.amount_minor,
            correct_minor=self.correct_minor,
            correct_price=self.price if changed and self.repriced else None,
        )

    def told(self) -> Iterable[str]:
        billed = f"{self.meter}: billed {written(self.line.quantity)} → {self._money(self.line.amount_minor)}"
        correct = f"correct {written(self.quantity)} → {self._money(self.due_minor)}"
        back = "".join(f", {percent(share)} of the charge given back" for share in self.given_back)
        yield f"{billed}; {correct}{back}."
        if self.due_minor > self.line.amount_minor:
            yield f"{self.meter}: what was billed too little is not billed afterwards."

    def doubts(self) -> Iterable[str]:
        if self.removed > self.line.quantity:
            yield (
                f"{self.meter}: the findings remove {written(self.removed)}, "
                f"more than the {written(self.line.quantity)} that were billed."
            )
        if self.removed and self.price is None:
            yield f"{self.meter}: neither the invoice nor the contract holds a price, so the line cannot be rated again."
        if self.removed and self.discrepancy:
            billed, off = self._money(self.line.amount_minor), self._money(self.discrepancy)
            yield f"{self.meter}: the {billed} billed differ by {off} from the price on the line."

    def _money(self, minor: int) -> Money:
        return Money(minor=minor, currency=self.currency)


def _reviews(findings: Iterable[Finding], invoice: Invoice, contract: Contract) -> dict[str, _Review]:
    """The lines the findings are about, by meter; a finding about a meter that was never billed touches none."""
    touched = {finding.meter for finding in findings}
    return {
        line.meter: _review(line, line.meter, invoice, contract)
        for line in invoice.lines
        if line.meter in touched and line is invoice.line_for(line.meter)
    }


def _review(line: InvoiceLine, meter: str, invoice: Invoice, contract: Contract) -> _Review:
    price = line.applied_price or contract.price_of(meter)
    own = line.amount_minor if price is None else rate(price, line.quantity)
    return _Review(line=line, meter=meter, currency=invoice.currency, price=price, discrepancy=line.amount_minor - own)


def _valued(finding: Finding, reviews: dict[str, _Review], currency: str) -> Finding:
    review = reviews.get(finding.meter)
    return finding.model_copy(update={"amount": review.apply(finding) if review else Money.zero(currency)})


def _credit(overbilled: Money, invoice_total: Money, already_credited: Money) -> Money:
    """What is left to give back: never below zero, and with earlier credits never above the invoice."""
    left = min(overbilled, invoice_total) - already_credited
    return max(left, Money.zero(left.currency))


def _resolution(credit: Money, disputed: Money) -> Resolution:
    covered = credit >= disputed
    if not credit:
        return Resolution.BILLING_CORRECT
    return Resolution.CUSTOMER_CORRECT if covered else Resolution.PARTIAL


def _sum_told(overbilled: Money, already_credited: Money, credit: Money) -> str:
    earlier = f", {already_credited} already given back" if already_credited else ""
    return f"Overbilled in all: {overbilled}{earlier}; to credit: {credit}."
