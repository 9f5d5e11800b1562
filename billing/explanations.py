"""How each line of an invoice came to be, in words and numbers, down to the days of usage that it was rated from.

The invoice says what was billed; what was agreed and used comes beside it and is only told where it leads to the billed
amount. Where books and invoice no longer agree, the explanation says so instead of explaining something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import assert_never

from pydantic import BaseModel, ConfigDict

from billing.consequences import Consequences
from billing.contracts import RecurringFee, Terms
from billing.invoices import AS_BILLED_IN_ADVANCE, Invoice, InvoiceLine, LineKind
from billing.money import Money
from billing.rate_cards import shared
from billing.rating import explain as explain_rating
from billing.rating import rate
from billing.segments import Segment
from billing.tenants import MeterName
from billing.wording import counted, days, listed, percent, units, written


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True)


class UsageDay(_Told):
    """One local day of a meter as it was rolled up: units, and the raw events behind them."""

    meter: MeterName
    day: date
    quantity: Decimal
    events: int


class ExplainedLine(_Told):
    """One line in sentences; `usage` are the days behind a usage line, in order."""

    number: int
    description: str
    amount: Money
    sentences: tuple[str, ...]
    usage: tuple[UsageDay, ...] = ()


class Explanation(_Told):
    """A whole invoice line by line, and at last how they make the total and what is due."""

    invoice_id: str
    lines: tuple[ExplainedLine, ...]
    sums: tuple[str, ...]
    total: Money


@dataclass(frozen=True, slots=True)
class Background:
    """What the books hold beside an invoice; whatever is missing is left out of the words.

    `covered` are the period's segments, `usage` its days as they were billed, `advance_billed` what the previous invoice
    charged for this period by fee, and `billed_before` the units that late usage was added to, by meter and the first day
    of the stretch that the late line is for.
    """

    covered: Sequence[Segment] = ()
    usage: Sequence[UsageDay] = ()
    advance_billed: Mapping[str, int] = field(default_factory=dict)
    billed_before: Mapping[tuple[str, date], Decimal] = field(default_factory=dict)

    def terms(self, currency: str) -> Terms:
        """The terms that discounts and tax were taken from: those at the end of the period."""
        return self.covered[-1].terms if self.covered else Terms(currency=currency)

    def days_of(self, line: InvoiceLine) -> tuple[UsageDay, ...]:
        """The days of a usage line: of its meter, where another price does not hold."""
        elsewhere = [one.days for one in self.covered if one.terms.price_of(line.meter or "") != line.applied_price]
        own = [one for one in self.usage if one.meter == line.meter]
        here = [one for one in own if not any(one.day in span for span in elsewhere)]
        return tuple(sorted(here or own, key=lambda one: one.day))

    def fee_of(self, line: InvoiceLine) -> RecurringFee | None:
        """The agreed fee whose share is what the line bills."""
        fees = (fee for one in self.covered for fee in one.terms.fees if fee.name == line.description)
        return next((fee for fee in fees if shared(fee.amount_minor, *line.proration) == line.amount_minor), None)


def explain(invoice: Invoice, background: Background | None = None) -> Explanation:
    """Explain every line of an invoice, with as much of the background as there is."""
    known = background or Background()
    telling = _Telling(invoice, known, Consequences(invoice, known.terms(invoice.currency)))
    return Explanation(
        invoice_id=invoice.invoice_id,
        lines=tuple(telling.line(line) for line in invoice.lines),
        sums=tuple(telling.sums()),
        total=invoice.total,
    )


@dataclass(frozen=True, slots=True)
class _Telling:
    invoice: Invoice
    known: Background
    consequences: Consequences

    def line(self, line: InvoiceLine) -> ExplainedLine:
        return ExplainedLine(
            number=line.number,
            description=line.description,
            amount=self._money(line.amount_minor),
            sentences=tuple(self._sentences(line)),
            usage=self.known.days_of(line) if line.kind is LineKind.USAGE else (),
        )

    def sums(self) -> Iterator[str]:
        """Charges, discounts and tax on the way to the total, and earlier credits on the way to what is due."""
        parts = [
            (words, self._money(sum(line.amount_minor for line in lines)))
            for words, kinds in _PARTS.items()
            if (lines := [line for line in self.invoice.lines if line.kind in kinds])
        ]
        made = listed([f"{words} of {amount}" for words, amount in parts])
        yield f"{made[:1].upper()}{made[1:]} make the total of {self.invoice.total}."
        if applied := self.invoice.applied_credit_minor:
            due = self._money(self.invoice.due_minor)
            yield f"Credits from before take {self._money(applied)} off what is due, which leaves {due}; the total stays."

    def _sentences(self, line: InvoiceLine) -> Iterator[str]:
        match line.kind:
            case LineKind.FEE | LineKind.FEE_IN_ADVANCE:
                return self._fee(line)
            case LineKind.USAGE:
                return self._usage(line)
            case LineKind.LATE_USAGE:
                return self._late(line)
            case LineKind.MINIMUM:
                return self._minimum(line)
            case LineKind.ADJUSTMENT:
                return self._adjustment(line)
            case LineKind.DISCOUNT | LineKind.FIXED_DISCOUNT:
                return self._discount(line)
            case LineKind.TAX:
                return self._tax(line)
        assert_never(line.kind)

    def _fee(self, line: InvoiceLine) -> Iterator[str]:
        amount, fee = self._money(line.amount_minor), self.known.fee_of(line)
        active, period = line.proration
        if active != period:
            part = f"{active} of the {counted(period, 'day')} come to {amount}"
            yield f"{self._agreed(fee)}; {part}." if fee else f"{part}."
        else:
            yield f"{self._agreed(fee)}." if fee else f"{amount} for the whole service period."
        if line.kind is LineKind.FEE_IN_ADVANCE:
            yield f"It is charged in advance, for {_days(line)}." if line.service_start else "It is charged in advance."

    def _agreed(self, fee: RecurringFee) -> str:
        return f"{fee.name} costs {self._money(fee.amount_minor)} a service period"

    def _usage(self, line: InvoiceLine) -> Iterator[str]:
        active, period = line.proration
        if active != period:
            yield f"It was agreed for {active} of the {counted(period, 'day')} of the period, and so is its allowance."
        if line.applied_price is None:
            yield f"It bills {units(line.quantity)}; the price is not on record."
        else:
            yield from explain_rating(line.applied_price, line.quantity, self.invoice.currency, active, period)
            own = rate(line.applied_price, line.quantity, active, period)
            if own != line.amount_minor:
                yield f"The line bills {self._money(line.amount_minor)}, which is not what its price comes to."
        yield from self._counted(line)

    def _counted(self, line: InvoiceLine) -> Iterator[str]:
        """The days behind the quantity."""
        found = self.known.days_of(line)
        if not found:
            return
        counts, events = sum((one.quantity for one in found), Decimal(0)), sum(one.events for one in found)
        span = days(found[0].day, found[-1].day)
        yield f"{counted(len(found), 'day')} with usage, {span}, count {units(counts)} in {counted(events, 'event')}."
        if off := counts - line.quantity:
            words = "more" if off > 0 else "less"
            yield f"That is {units(abs(off))} {words} than the line bills."

    def _late(self, line: InvoiceLine) -> Iterator[str]:
        yield f"{units(line.quantity)} of {_days(line)} arrived after that period was closed."
        before = self.known.billed_before.get((line.meter or "", line.service_start or date.min))
        if before is None or line.applied_price is None:
            yield f"They are billed as what they add to the charge of that period: {self._money(line.amount_minor)}."
            return
        total = before + line.quantity
        then, now = (self._money(rate(line.applied_price, used, *line.proration)) for used in (before, total))
        yield f"With them that period counts {units(total)} instead of {written(before)}: {now} instead of {then}."

    def _minimum(self, line: InvoiceLine) -> Iterator[str]:
        if line not in self.consequences.true_ups:
            yield (
                f"The minimum of {_days(line)} was billed in full; {self._money(-line.amount_minor)} of what late usage "
                "adds to that period were paid with it."
            )
            return
        least = [
            (one.terms.minimum_minor, one.active_days, self._period_days)
            for one in self.known.covered
            if one.terms.minimum_minor
        ]
        for minimum, active, period in least:
            words = f"At least {self._money(minimum)} was agreed for a service period"
            part = f"; {active} of {counted(period, 'day')} come to {self._money(shared(minimum, active, period))}"
            yield f"{words}{part if active != period else ''}."
        yield f"The charges of the period are {self._money(line.amount_minor)} below the agreed minimum."

    @property
    def _period_days(self) -> int:
        return max((line.period_days or 1 for line in self.invoice.lines), default=1)

    def _adjustment(self, line: InvoiceLine) -> Iterator[str]:
        if line.is_decided:
            yield "It was decided as it stands: neither discounts nor tax are on it."
            return
        name = line.description.removesuffix(AS_BILLED_IN_ADVANCE)
        charged = self.known.advance_billed.get(name)
        if charged is None:
            yield f"{name} was billed in advance, and the days of this period come to a different amount."
            return
        right = self._money(charged + line.amount_minor)
        yield f"{name} was billed in advance with {self._money(charged)}; the days of this period come to {right}."

    def _discount(self, line: InvoiceLine) -> Iterator[str]:
        base, taken = self.consequences.base_of(line), self._money(-line.amount_minor)
        if line.rate is None:
            yield f"{taken} is taken off the {base} that are left after percentages."
            return
        agreed = self.known.terms(self.invoice.currency).discounts
        meters = next((one.meters for one in agreed if one.name == line.description), ())
        on = f" charged for {listed(meters)}" if meters else " that are left of the charges"
        yield f"{percent(line.rate)} of the {base}{on} are {taken}."

    def _tax(self, line: InvoiceLine) -> Iterator[str]:
        if line.rate is None:
            yield f"{self._money(line.amount_minor)} of tax."
            return
        base = self.consequences.base_of(line)
        yield f"{percent(line.rate)} of the {base} that are left after discounts are {self._money(line.amount_minor)}."

    def _money(self, minor: int) -> Money:
        return Money(minor=minor, currency=self.invoice.currency)


_PARTS = {
    "charges": (
        LineKind.FEE,
        LineKind.FEE_IN_ADVANCE,
        LineKind.USAGE,
        LineKind.LATE_USAGE,
        LineKind.MINIMUM,
        LineKind.ADJUSTMENT,
    ),
    "discounts": (LineKind.DISCOUNT, LineKind.FIXED_DISCOUNT),
    "tax": (LineKind.TAX,),
}


def _days(line: InvoiceLine) -> str:
    """The service days of a line in words; the period's name stands in for a line that has none."""
    if line.service_start is None or line.service_end is None:
        return "an earlier period"
    return days(line.service_start, line.service_end - timedelta(days=1))
