"""The bill of one tenant and service period: charges, then discounts, then tax; it sums to its total by construction.

Fees, usage, late usage and the true-up to a minimum come first; percentages are taken off one after another, fixed
amounts after them (B3), and tax is on what is left. Credits and balances are no lines: they lower what is due (B4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from billing.contracts import RecurringFee, Terms, Timing
from billing.discounts import reductions, tax_on
from billing.invoices import AS_BILLED_IN_ADVANCE, MINIMUM_COMMITMENT, LineKind
from billing.late_usage import LateUsage, TruedUp
from billing.periods import DaySpan
from billing.prices import MeterPrice
from billing.rate_cards import MICRO, shared
from billing.segments import Segment
from billing.wording import listed


class UnbillableError(ValueError):
    """A tenant cannot be billed as things stand; the sentence says why and what to do."""


class BilledLine(NamedTuple):
    """One line; `quantity` in millionths of a unit, `rate` the percentage or tax rate as a share of one.

    A named tuple, because a month end makes millions and a frozen dataclass takes three times as long to make.
    """

    kind: LineKind
    description: str
    amount_minor: int
    quantity: int = MICRO
    meter: str | None = None
    price: MeterPrice | None = None
    days: DaySpan | None = None
    active_days: int | None = None
    period_days: int | None = None
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Bill:
    """Lines in the order of the document, amounts in minor units of `currency`; the total is their sum."""

    currency: str
    lines: tuple[BilledLine, ...]
    subtotal_minor: int
    discount_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        """What is to be paid: lines, less discounts, with tax."""
        return self.subtotal_minor + self.discount_minor + self.tax_minor


def bill(
    covered: Sequence[Segment],
    days: DaySpan,
    usage: Sequence[Mapping[str, int]],
    *,
    following: Sequence[Segment] = (),
    following_days: DaySpan | None = None,
    advance_billed: Mapping[str, int] | None = None,
    late: Sequence[LateUsage] = (),
    trued_up: Sequence[TruedUp] = (),
    labels: Mapping[str, str] | None = None,
) -> Bill:
    """The bill of the service period `days`.

    `usage[i]` holds millionths of a unit by meter for `covered[i]`; `following` are the next period's segments, whose
    advance fees are due now; `advance_billed` is what the previous bill charged in advance for this period, by fee;
    `late` is usage of earlier periods and `trued_up` what is left of their true-ups; `labels` are the meters' names for
    customers. Where no contract holds any more, late usage is billed under its own terms. Raises UnbillableError.
    """
    terms = _in_force_at_the_end(covered, usage, advance_billed or {}, late)
    currencies = {segment.terms.currency for segment in (*covered, *following)} | {terms.currency}
    if len(currencies) > 1:
        raise UnbillableError(f"contracts of the period are in {' and '.join(sorted(currencies))}: bill one by hand")
    names = labels or {}
    charges = [
        *_fees(covered, days, advance_billed or {}),
        *_fees_in_advance(following, following_days),
        *_usage(covered, days, usage if covered else (), names),
        *_late(late, terms.currency, names),
        *_paid_already(late, trued_up),
    ]
    charges += _true_up(covered, days, charges, sum((advance_billed or {}).values()))
    subtotal = sum(line.amount_minor for line in charges)
    reduced = _reduced(charges, terms) if terms.discounts or terms.fixed_discounts else []
    discount = sum(line.amount_minor for line in reduced)
    taxes = _taxed(subtotal + discount, terms)
    return Bill(
        currency=terms.currency,
        lines=(*charges, *reduced, *taxes),
        subtotal_minor=subtotal,
        discount_minor=discount,
        tax_minor=sum(line.amount_minor for line in taxes),
    )


def _in_force_at_the_end(
    covered: Sequence[Segment],
    usage: Sequence[Mapping[str, int]],
    advance_billed: Mapping[str, int],
    late: Sequence[LateUsage],
) -> Terms:
    """The terms that say what is taken off and put on; of who has left, those of the latest late usage."""
    if covered:
        return covered[-1].terms
    owed = any(advance_billed.values()) or any(any(used.values()) for used in usage)
    last = late[-1].terms if late else None
    if owed or last is None:
        raise UnbillableError(_uncovered(advance_billed))
    return last


def _uncovered(advance_billed: Mapping[str, int]) -> str:
    if paid := listed(sorted(name for name, amount in advance_billed.items() if amount)):
        return f"{paid} was billed in advance for a period that no contract covers any more: give it back by hand"
    return "no contract covers the period: put one on record, then bill the tenant again"


def _fees(covered: Sequence[Segment], days: DaySpan, advance_billed: Mapping[str, int]) -> Iterator[BilledLine]:
    """What each fee comes to for the period, less what was charged for it in advance."""
    due: dict[str, int] = {}
    for fee, active in _active_fees(covered):
        correct = shared(fee.amount_minor, active, days.days)
        if fee.timing is Timing.ADVANCE and fee.name in advance_billed:
            due[fee.name] = due.get(fee.name, 0) + correct
        elif correct:
            yield _fee_line(LineKind.FEE, fee.name, correct, days, active)
    for name, charged in sorted(advance_billed.items()):
        if difference := due.get(name, 0) - charged:
            yield _fee_line(LineKind.ADJUSTMENT, f"{name}{AS_BILLED_IN_ADVANCE}", difference, days, days.days)


def _active_fees(covered: Sequence[Segment]) -> list[tuple[RecurringFee, int]]:
    """Every fee of the segments with the days it was active, equal ones of several segments together."""
    if len(covered) == 1:
        return [(fee, covered[0].active_days) for fee in covered[0].terms.fees]
    active: dict[RecurringFee, int] = {}
    for segment in covered:
        for fee in segment.terms.fees:
            active[fee] = active.get(fee, 0) + segment.active_days
    return list(active.items())


def _fees_in_advance(following: Sequence[Segment], days: DaySpan | None) -> Iterator[BilledLine]:
    for fee, active in _active_fees(following):
        if fee.timing is Timing.ADVANCE and days is not None:
            amount = shared(fee.amount_minor, active, days.days)
            if amount:
                yield _fee_line(LineKind.FEE_IN_ADVANCE, fee.name, amount, days, active)


def _fee_line(kind: LineKind, name: str, amount: int, days: DaySpan, active: int) -> BilledLine:
    return BilledLine(
        kind=kind, description=name, amount_minor=amount, days=days, active_days=active, period_days=days.days
    )


def _usage(
    covered: Sequence[Segment], days: DaySpan, usage: Sequence[Mapping[str, int]], labels: Mapping[str, str]
) -> Iterator[BilledLine]:
    """A line for each meter and price that was used or has a minimum; equal prices of several segments rate together."""
    for segment, used in zip(covered, usage, strict=True):
        _refuse_unpriced(segment.terms, used)
    priced = _of_one(covered[0], usage[0]) if len(covered) == 1 else _merged(covered, usage)
    period_days = days.days
    for price, quantity, active, stretch in priced:
        if quantity or price.minimum_minor:
            yield BilledLine(
                LineKind.USAGE,
                labels.get(price.meter, price.meter),
                price.card.charge(quantity, active, period_days),
                quantity,
                price.meter,
                price,
                stretch,
                active,
                period_days,
            )


def _refuse_unpriced(terms: Terms, used: Mapping[str, int]) -> None:
    if used.keys() <= terms.meters:
        return
    if unpriced := sorted(meter for meter in used.keys() - terms.meters if used[meter]):
        raise UnbillableError(f"{unpriced[0]} was used and no contract prices it: agree a price, then bill again")


def _of_one(segment: Segment, used: Mapping[str, int]) -> list[tuple[MeterPrice, int, int, DaySpan]]:
    return [(price, used.get(price.meter, 0), segment.active_days, segment.days) for price in segment.terms.prices]


def _merged(
    covered: Sequence[Segment], usage: Sequence[Mapping[str, int]]
) -> list[tuple[MeterPrice, int, int, DaySpan]]:
    """Quantities and active days of equal prices together, from the first day of any to the last."""
    together: dict[MeterPrice, tuple[int, int, DaySpan]] = {}
    for segment, used in zip(covered, usage, strict=True):
        for price, more, days, stretch in _of_one(segment, used):
            quantity, active, since = together.get(price, (0, 0, stretch))
            together[price] = (quantity + more, active + days, DaySpan(since.first, stretch.end))
    return [(price, *rest) for price, rest in together.items()]


def _late(late: Sequence[LateUsage], currency: str, labels: Mapping[str, str]) -> Iterator[BilledLine]:
    """What earlier usage costs that arrived after its period was closed: the difference that it makes to its own line."""
    for item in late:
        if item.price is None:
            raise UnbillableError(
                f"late usage of {item.meter} in {item.period} has no price on {item.days.first}: put a contract on "
                "record that prices it, then bill again"
            )
        if item.currency not in {None, currency}:
            raise UnbillableError(
                f"late usage of {item.meter} in {item.period} is billed in {item.currency} and this period in "
                f"{currency}: bill it by hand"
            )
        yield BilledLine(
            kind=LineKind.LATE_USAGE,
            description=f"{labels.get(item.meter, item.meter)} of {item.period}, reported late",
            amount_minor=item.amount_minor,
            quantity=item.quantity,
            meter=item.meter,
            price=item.price,
            days=item.days,
            active_days=item.active_days,
            period_days=item.period_days,
        )


def _paid_already(late: Sequence[LateUsage], trued_up: Sequence[TruedUp]) -> Iterator[BilledLine]:
    """Late usage that an earlier period's true-up has paid for is taken off again: only what exceeds it is due."""
    for one in trued_up:
        if paid := one.covers(late):
            yield _fee_line(
                LineKind.MINIMUM, f"{MINIMUM_COMMITMENT} of {one.period}, paid already", -paid, one.days, one.days.days
            )


def _true_up(
    covered: Sequence[Segment], days: DaySpan, charges: Sequence[BilledLine], advance_billed: int
) -> Iterator[BilledLine]:
    """What is missing to the agreed minimum. A fee counts in the period it is for, whenever it was billed; late usage and
    the next period's fees do not."""
    if not any(segment.terms.minimum_minor for segment in covered):
        return
    active: dict[int, int] = {}
    for segment in covered:
        minimum = segment.terms.minimum_minor or 0
        active[minimum] = active.get(minimum, 0) + segment.active_days
    least = sum(shared(minimum, its, days.days) for minimum, its in active.items())
    of_period = (LineKind.FEE, LineKind.USAGE, LineKind.ADJUSTMENT)
    missing = least - advance_billed - sum(line.amount_minor for line in charges if line.kind in of_period)
    if missing > 0:
        yield _fee_line(LineKind.MINIMUM, MINIMUM_COMMITMENT, missing, days, sum(active.values()))


def _reduced(charges: Sequence[BilledLine], terms: Terms) -> list[BilledLine]:
    taken = reductions([(line.meter, line.amount_minor) for line in charges], terms.discounts, terms.fixed_discounts)
    return [
        BilledLine(kind=one.kind, description=one.name, amount_minor=one.amount_minor, rate=one.rate)
        for one in taken
        if one.amount_minor
    ]


def _taxed(net_minor: int, terms: Terms) -> list[BilledLine]:
    tax = terms.tax
    if tax is None:
        return []
    amount = tax_on(net_minor, tax.rate)
    return [BilledLine(kind=LineKind.TAX, description=tax.name, amount_minor=amount, rate=tax.rate)]
