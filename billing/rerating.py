"""What the findings are worth: each disputed line is rated again with them, never priced at the margin (D6).

Findings are applied one after another, and each is worth what the invoice comes to less than before it, discounts and tax
included. So amounts sum to the overbilling by construction, whatever tiers and allowances do. Three rules hold on the way:

- A line is never corrected above what it was billed: undercharges only use up overcharges of the same line.
- Usage that was never recorded (missing events) changes nothing; it is told and not billed afterwards.
- What cannot be rated, or contradicts the bill, makes the whole assessment a person's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from billing.consequences import Consequences
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
    restating = _Restating(_reviews(findings, invoice, contract), Consequences(invoice, contract.terms))
    valued = tuple(
        finding.model_copy(update={"amount": Money(minor=restating.apply(finding), currency=invoice.currency)})
        for finding in findings
    )
    lines = tuple(restating.corrected())
    overbilled = Money(minor=sum(line.credit_minor for line in lines), currency=invoice.currency)
    credit = _credit(overbilled, invoice.total, already_credited)
    doubts = list(restating.doubts())
    return Assessment(
        findings=valued,
        lines=lines,
        overbilled=overbilled,
        already_credited=already_credited,
        credit=credit,
        resolution=_resolution(credit, disputed),
        conclusive=not doubts and all(finding.conclusive for finding in findings),
        explanation=(*restating.told(), *doubts, _sum_told(overbilled, already_credited, credit)),
    )


@dataclass
class _Restating:
    """The invoice while findings are applied to it: the lines of their meters by meter, and what follows from them."""

    reviews: dict[str, _Review]
    consequences: Consequences

    def apply(self, finding: Finding) -> int:
        """Correct the finding's line; answers what the whole invoice comes to less, in minor units."""
        review = self.reviews.get(finding.meter)
        if review is None:
            return 0
        before = self._overbilled
        review.apply(finding)
        return self._overbilled - before

    def corrected(self) -> Iterator[CorrectedLine]:
        """The lines to restate: those of the findings' meters, then what follows from them and is not as billed."""
        yield from (review.corrected() for review in self.reviews.values())
        for line, correct_minor in self._changed():
            yield CorrectedLine(
                line_number=line.number,
                meter=None,
                billed_quantity=line.quantity,
                correct_quantity=line.quantity or Decimal(1),
                billed_minor=line.amount_minor,
                correct_minor=correct_minor,
            )

    def told(self) -> Iterator[str]:
        """How each line came to be corrected."""
        for review in self.reviews.values():
            yield from review.told()
        for line, correct_minor in self._changed():
            billed, correct = self._money(line.amount_minor), self._money(correct_minor)
            yield f"{line.description}: billed {billed}; with the corrected charges {correct}."

    def doubts(self) -> Iterator[str]:
        """What speaks against giving the credit without a person."""
        for review in self.reviews.values():
            yield from review.doubts()
        if any(review.overbilled for review in self.reviews.values()):
            yield from self.consequences.doubts()

    def _changed(self) -> Iterator[tuple[InvoiceLine, int]]:
        for number, correct_minor in sorted(self.consequences.corrected(self._charges).items()):
            line = self.consequences.line(number)
            if correct_minor != line.amount_minor:
                yield line, correct_minor

    @property
    def _charges(self) -> dict[int, int]:
        return {review.line.number: review.correct_minor for review in self.reviews.values()}

    @property
    def _overbilled(self) -> int:
        return sum(line.credit_minor for line in self.corrected())

    def _money(self, minor: int) -> Money:
        return Money(minor=minor, currency=self.consequences.invoice.currency)


@dataclass
class _Review:
    """One invoice line while findings are applied to it. `discrepancy` is what it was billed beyond its own price, `others`
    how many more lines bill its meter."""

    line: InvoiceLine
    meter: str
    currency: str
    price: MeterPrice | None
    discrepancy: int
    others: int
    removed: Decimal = Decimal(0)
    repriced: bool = False
    given_back: list[Decimal] = field(default_factory=list)

    def apply(self, finding: Finding) -> None:
        """Correct the line by one finding."""
        if finding.kind is not FindingKind.MISSING_EVENTS:
            self.removed += finding.excess_quantity
        if finding.correct_price is not None:
            self.price, self.discrepancy, self.repriced = finding.correct_price, 0, True
        if finding.share_of_charge:
            self.given_back.append(finding.share_of_charge)

    @property
    def quantity(self) -> Decimal:
        return max(Decimal(0), self.line.quantity - self.removed)

    @property
    def due_minor(self) -> int:
        """What the line costs with the findings so far, even where that is more than was billed."""
        due = self.line.amount_minor
        if self.price is not None:
            due = rate(self.price, self.quantity, *self.line.proration) + self.discrepancy
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
        if self.others and (self.removed or self.repriced):
            yield (
                f"{self.meter} is billed on {self.others + 1} lines at different prices, "
                "and what was found may belong to any of them."
            )
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
    own = line.amount_minor if price is None else rate(price, line.quantity, *line.proration)
    return _Review(
        line=line,
        meter=meter,
        currency=invoice.currency,
        price=price,
        discrepancy=line.amount_minor - own,
        others=len(invoice.lines_for(meter)) - 1,
    )


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
