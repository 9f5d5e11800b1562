"""What an invoice comes to once some of its lines are right: quantities rated again, the rest following as it was billed.

The difference is never priced at the margin and never guessed (D6): a line that cannot be rated as it was billed, or that
follows from others, is refused with what to give instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from billing.consequences import Consequences
from billing.contracts import Contract
from billing.failures import BillingFailure, FailureCode
from billing.findings import CorrectedLine
from billing.invoice_corrections import LineFix
from billing.invoices import Invoice, InvoiceLine, LineKind
from billing.money import Money
from billing.rating import rate
from billing.wording import listed, written

_FOLLOWS = {
    LineKind.MINIMUM: "the true-up to the minimum",
    LineKind.DISCOUNT: "a discount",
    LineKind.FIXED_DISCOUNT: "a discount",
    LineKind.TAX: "tax",
}


def restated(fixes: Sequence[LineFix], invoice: Invoice, contract: Contract) -> tuple[CorrectedLine, ...]:
    """The lines as they should have been: those that were fixed, then what follows from them and is not as billed.

    Raises INVALID, naming the line.
    """
    by_number = {line.number: line for line in invoice.lines}
    fixed = [_fixed(fix, _line(fix, by_number, invoice), invoice, contract) for fix in fixes]
    consequences = Consequences(invoice, contract.terms)
    following = consequences.corrected({line.line_number: line.correct_minor for line in fixed})
    changed = [
        _followed(consequences.line(number), correct_minor) for number, correct_minor in sorted(following.items())
    ]
    return (*fixed, *(line for line in changed if line.credit_minor))


def doubts(invoice: Invoice, contract: Contract) -> tuple[str, ...]:
    """What a person should know before approving it: lines that were billed otherwise than their charges make of them."""
    return tuple(Consequences(invoice, contract.terms).doubts())


def in_words(lines: Iterable[CorrectedLine], invoice: Invoice) -> tuple[str, ...]:
    """One sentence a line: `Line 3, API calls: 1,204 for USD 12.04, correct 1,000 for USD 10.00.`"""
    names = {line.number: line.description for line in invoice.lines}
    return tuple(_in_words(line, names.get(line.line_number, "Minimum commitment"), invoice.currency) for line in lines)


def _in_words(line: CorrectedLine, name: str, currency: str) -> str:
    billed, correct = (Money(minor=minor, currency=currency) for minor in (line.billed_minor, line.correct_minor))
    if line.billed_quantity == line.correct_quantity:
        return f"Line {line.line_number}, {name}: {billed}, correct {correct}."
    quantities = f"{written(line.billed_quantity)} for {billed}, correct {written(line.correct_quantity)} for {correct}"
    return f"Line {line.line_number}, {name}: {quantities}."


def _line(fix: LineFix, by_number: dict[int, InvoiceLine], invoice: Invoice) -> InvoiceLine:
    line = by_number.get(fix.line)
    if line is None:
        known = listed([str(number) for number in sorted(by_number)], at_most=20)
        raise _invalid(f"line {fix.line}: invoice {invoice.number} has no such line, only {known}")
    if follows := _FOLLOWS.get(line.kind):
        raise _invalid(
            f"line {fix.line}, {line.description}: it is {follows} and follows from the charges; correct the charge it "
            "follows from, or give an amount for the whole invoice"
        )
    return line


def _fixed(fix: LineFix, line: InvoiceLine, invoice: Invoice, contract: Contract) -> CorrectedLine:
    quantity = line.quantity if fix.quantity is None else fix.quantity
    correct = fix.amount_minor if fix.amount_minor is not None else _rated(quantity, line, invoice, contract)
    if (quantity, correct) == (line.quantity, line.amount_minor):
        raise _invalid(f"line {line.number}, {line.description}: that is what was billed; give what is correct")
    return CorrectedLine(
        line_number=line.number,
        meter=line.meter,
        billed_quantity=_shown(line, line.quantity),
        correct_quantity=_shown(line, quantity),
        billed_minor=line.amount_minor,
        correct_minor=correct,
    )


def _shown(line: InvoiceLine, quantity: Decimal) -> Decimal:
    """A fee is there once; a line without meter and quantity would be a new one."""
    return quantity if line.meter else quantity or Decimal(1)


def _rated(quantity: Decimal, line: InvoiceLine, invoice: Invoice, contract: Contract) -> int:
    price = line.applied_price or (contract.price_of(line.meter) if line.meter else None)
    about = f"line {line.number}, {line.description}"
    if price is None:
        raise _invalid(f"{about}: it has no price to rate {written(quantity)} with; give its correct amount instead")
    as_billed = rate(price, line.quantity, *line.proration)
    if as_billed != line.amount_minor:
        billed, own = (Money(minor=minor, currency=invoice.currency) for minor in (line.amount_minor, as_billed))
        raise _invalid(f"{about}: billed {billed}, but its price makes it {own}; give its correct amount instead")
    return rate(price, quantity, *line.proration)


def _followed(line: InvoiceLine, correct_minor: int) -> CorrectedLine:
    return CorrectedLine(
        line_number=line.number,
        meter=None,
        billed_quantity=line.quantity,
        correct_quantity=line.quantity or Decimal(1),
        billed_minor=line.amount_minor,
        correct_minor=correct_minor,
    )


def _invalid(words: str) -> BillingFailure:
    return BillingFailure(FailureCode.INVALID, words)
