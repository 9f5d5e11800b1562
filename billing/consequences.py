"""What follows from an invoice's charges: the true-up to a minimum, discounts, tax. When a charge is corrected, so are they.

An issued invoice keeps its lines, not the terms it was made from, so discounts and tax are read from its own lines and only
what a line does not say (the meters of a discount, an amount that was cut) from the terms. What was billed and what the
charges make of it should agree; where they do not, the difference stays with the line and is a doubt to be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from billing.contracts import FixedDiscount, PercentDiscount, Terms
from billing.discounts import reductions, tax_on
from billing.invoices import MINIMUM_COMMITMENT, Invoice, InvoiceLine, LineKind
from billing.money import Money
from billing.rate_cards import shared


@dataclass(frozen=True, slots=True)
class _Made:
    """Amounts by line number, and for discounts and taxes what they are shares of."""

    amounts: dict[int, int]
    bases: dict[int, int]


@dataclass(frozen=True)
class Consequences:
    """The lines of `invoice` that follow from its charges; `terms` are those in force for the period."""

    invoice: Invoice
    terms: Terms

    def base_of(self, line: InvoiceLine) -> Money:
        """What a discount was taken from, or a tax put on: what was left of the charges then. Zero for other lines."""
        return Money(minor=self._made_of({}).bases.get(line.number, 0), currency=self.invoice.currency)

    def corrected(self, charges: Mapping[int, int]) -> dict[int, int]:
        """What each line that follows comes to, by number in minor units, when the charges of these numbers are as given.

        A minimum that was reached as billed and is not any more comes under the number after the last.
        """
        billed, correct = self._made_of({}).amounts, self._made_of(charges).amounts
        amounts = {
            line.number: line.amount_minor + correct[line.number] - billed[line.number] for line in self._following
        }
        missing = correct[self._next_number] - billed[self._next_number]
        return amounts | ({self._next_number: missing} if missing > 0 else {})

    def line(self, number: int) -> InvoiceLine:
        """The line of that number; the true-up that is not on the invoice yet has no amount."""
        known = next((line for line in self._following if line.number == number), None)
        return known or InvoiceLine(
            number=number, description=MINIMUM_COMMITMENT, quantity=Decimal(0), amount_minor=0, kind=LineKind.MINIMUM
        )

    def doubts(self) -> Iterator[str]:
        """Every line that was billed otherwise than the charges make of it."""
        made = self._made_of({}).amounts
        for line in self._following:
            if off := line.amount_minor - made[line.number]:
                billed = Money(minor=line.amount_minor, currency=self.invoice.currency)
                difference = Money(minor=off, currency=self.invoice.currency)
                yield f"{line.description}: the {billed} billed differ by {difference} from what the charges make of it."

    @cached_property
    def _following(self) -> tuple[InvoiceLine, ...]:
        return (*self.true_ups, *self._discounts, *self._fixed, *self._taxes)

    @cached_property
    def true_ups(self) -> tuple[InvoiceLine, ...]:
        """The period's own; what an earlier period's has paid already is a charge like any other."""
        since = self.invoice.service_start
        return tuple(
            line
            for line in self._of_kind(LineKind.MINIMUM)
            if not (since and line.service_start and line.service_start < since)
        )

    @cached_property
    def _discounts(self) -> tuple[InvoiceLine, ...]:
        return tuple(line for line in self._of_kind(LineKind.DISCOUNT) if line.rate)

    @cached_property
    def _fixed(self) -> tuple[InvoiceLine, ...]:
        return self._of_kind(LineKind.FIXED_DISCOUNT)

    @cached_property
    def _taxes(self) -> tuple[InvoiceLine, ...]:
        return tuple(line for line in self._of_kind(LineKind.TAX) if line.rate is not None)

    def _of_kind(self, kind: LineKind) -> tuple[InvoiceLine, ...]:
        return tuple(line for line in self.invoice.lines if line.kind is kind)

    @cached_property
    def _charges(self) -> tuple[InvoiceLine, ...]:
        """Every line that discounts and tax are on."""
        return tuple(line for line in self.invoice.lines if line not in self._following and not line.is_decided)

    def _percentage(self, line: InvoiceLine) -> PercentDiscount:
        percent = ((line.rate or Decimal(0)) * 100).normalize()
        agreed = (one for one in self.terms.discounts if (one.name, one.percent) == (line.description, percent))
        return next(agreed, PercentDiscount(name=line.description, percent=percent))

    def _fixed_amount(self, line: InvoiceLine) -> FixedDiscount:
        taken = -line.amount_minor
        same = (one for one in self.terms.fixed_discounts if one.name == line.description and one.amount_minor >= taken)
        return next(same, FixedDiscount(name=line.description, amount_minor=taken))

    @property
    def _next_number(self) -> int:
        return max((line.number for line in self.invoice.lines), default=0) + 1

    def _made_of(self, corrected: Mapping[int, int]) -> _Made:
        """What follows from the charges, with the true-up that no line holds yet under the number after the last."""
        amounts = {line.number: corrected.get(line.number, line.amount_minor) for line in self._charges}
        true_ups = self._true_up(amounts)
        charges = [(line.meter, amounts[line.number]) for line in self._charges]
        charges += [(None, amount) for amount in true_ups.values()]
        numbers = [line.number for line in (*self._discounts, *self._fixed)]
        percentages, fixed = map(self._percentage, self._discounts), map(self._fixed_amount, self._fixed)
        taken = dict(zip(numbers, reductions(charges, tuple(percentages), tuple(fixed)), strict=True))
        net = sum(amount for _, amount in charges) + sum(one.amount_minor for one in taken.values())
        taxes = {line.number: tax_on(net, line.rate) for line in self._taxes if line.rate is not None}
        return _Made(
            amounts=true_ups | {number: one.amount_minor for number, one in taken.items()} | taxes,
            bases={number: one.base_minor for number, one in taken.items()} | dict.fromkeys(taxes, net),
        )

    def _true_up(self, amounts: Mapping[int, int]) -> dict[int, int]:
        """What is missing to the minimum: more than was billed by as much as the charges are less."""
        less = sum(line.amount_minor - amounts[line.number] for line in self._charges)
        made = {line.number: line.amount_minor for line in self.true_ups}
        if made:
            made[min(made)] += less
            return made | {self._next_number: 0}
        return {self._next_number: max(0, less - self._above_minimum)}

    @cached_property
    def _above_minimum(self) -> int:
        """By how much the billed fees and usage exceed the agreed minimum; fees count wherever they were billed."""
        used = self._of_kind(LineKind.USAGE)
        days = used[0].proration if used else (1, 1)
        fees = sum(shared(fee.amount_minor, *days) for fee in self.terms.fees)
        return fees + sum(line.amount_minor for line in used) - shared(self.terms.minimum_minor or 0, *days)
