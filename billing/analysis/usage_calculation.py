"""Was the usage counted right? The way from raw events to the invoice, each difference on it named once.

    events as they count  +  counted twice  +  misdated  +  unexplained  +  billed otherwise  =  billed quantity
        raw - duplicates      duplicates        misdated    roll-up - …      billed - roll-up

The differences add up, so removing all of them from the billed quantity leaves exactly the events as they count. Usage
without an event (missing) stands outside: it was never billed and never will be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.evidence import DayTotal, DuplicateEvents, MisdatedEvents, Misdating, MissingEvents, UsageFacts
from billing.findings import Finding, FindingKind
from billing.invoices import Invoice
from billing.wording import counted, dated, days, listed, units, written

_DAYS_NAMED = 5

_BOOKED = {
    Misdating.FOREIGN: "were billed in this period although they fall outside it in your time zone",
    Misdating.LEFT_OUT: "were left out of this period although they fall inside it in your time zone",
    Misdating.TWICE: "were billed although the total of another day already holds them",
}


def findings(facts: UsageFacts, invoice: Invoice, meters: Sequence[str]) -> list[Finding]:
    """The differences between events and invoice for each of `meters`, positive where the customer was billed too much."""
    return [finding for meter in meters for finding in _of(_Counting.of(meter, facts, invoice))]


@dataclass(frozen=True)
class _Counting:
    """What was counted for one meter at each step between its events and the invoice."""

    meter: str
    billed: Decimal
    totals: tuple[DayTotal, ...]
    duplicates: tuple[DuplicateEvents, ...]
    missing: tuple[MissingEvents, ...]
    misdated: tuple[MisdatedEvents, ...]

    @classmethod
    def of(cls, meter: str, facts: UsageFacts, invoice: Invoice) -> _Counting:
        return cls(
            meter=meter,
            billed=_sum(line.quantity for line in invoice.lines_for(meter)),
            totals=tuple(total for total in facts.day_totals if total.meter == meter),
            duplicates=tuple(found for found in facts.duplicates if found.meter == meter),
            missing=tuple(found for found in facts.missing if found.meter == meter),
            misdated=tuple(found for found in facts.misdated if found.meter == meter),
        )

    @property
    def rolled_up(self) -> Decimal:
        return _sum(total.rolled_up_quantity for total in self.totals)

    @property
    def raw(self) -> Decimal:
        return _sum(total.raw_quantity for total in self.totals)

    @property
    def unexplained(self) -> Decimal:
        """What the roll-up holds beyond the period's raw events and the misdated ones."""
        return self.rolled_up - self.raw - _sum(found.quantity for found in self.misdated)

    @property
    def already_counted_once(self) -> bool:
        """Whether the roll-up left the duplicates out by itself: then nobody was billed for them."""
        twice = _sum(found.quantity for found in self.duplicates)
        return twice > 0 and self.unexplained == -twice

    @property
    def confirmed_by_requests(self) -> bool:
        """Whether the roll-up holds exactly the usage whose events are gone but whose requests are logged."""
        unrecorded = _sum(found.quantity for found in self.missing)
        return unrecorded > 0 and self.unexplained == unrecorded

    @property
    def reconciled(self) -> bool:
        """Whether nothing between the events and the roll-up is left to a guess; never true without any event."""
        agrees = not self.unexplained or self.already_counted_once or self.confirmed_by_requests
        return agrees and any(total.raw_events for total in self.totals)


def _of(counting: _Counting) -> Iterator[Finding]:
    yield from _billed_otherwise(counting)
    yield from _rolled_up_otherwise(counting)
    yield from (_misdated(found) for found in counting.misdated if found.quantity)
    for repeated in counting.duplicates:
        if repeated.quantity:
            yield _duplicated(repeated, billed=not counting.already_counted_once)
    if not counting.confirmed_by_requests:
        yield from (_missing(found) for found in counting.missing if found.quantity)


def _billed_otherwise(counting: _Counting) -> Iterator[Finding]:
    excess = counting.billed - counting.rolled_up
    if excess:
        yield Finding(
            kind=FindingKind.BILLED_QUANTITY_MISMATCH,
            meter=counting.meter,
            statement=(
                f"The invoice bills {units(counting.billed)} of {counting.meter}, "
                f"but the daily totals of the period add up to {written(counting.rolled_up)}."
            ),
            conclusive=counting.reconciled,
            excess_quantity=excess,
        )


def _rolled_up_otherwise(counting: _Counting) -> Iterator[Finding]:
    if not counting.unexplained or counting.already_counted_once:
        return
    if counting.confirmed_by_requests:
        yield Finding(
            kind=FindingKind.ROLLUP_MISMATCH,
            meter=counting.meter,
            statement=(
                f"The daily totals of {counting.meter} hold {units(counting.unexplained)} whose events are no longer "
                f"on record; the request log confirms every one of them, so they remain billed."
            ),
        )
        return
    direction = "more" if counting.unexplained > 0 else "less"
    yield Finding(
        kind=FindingKind.ROLLUP_MISMATCH,
        meter=counting.meter,
        statement=(
            f"The daily totals of {counting.meter} hold {units(abs(counting.unexplained))} {direction} than the usage "
            f"events they were made from{_where(counting)}; the cause is not known yet."
        ),
        conclusive=False,
        excess_quantity=counting.unexplained,
    )


def _where(counting: _Counting) -> str:
    differing = [dated(total.day) for total in counting.totals if total.rolled_up_quantity != total.windowed_quantity]
    return f", on {listed(differing, at_most=_DAYS_NAMED)}" if differing else ""


def _misdated(found: MisdatedEvents) -> Finding:
    quantity, when = units(abs(found.quantity)), days(found.first_day, found.last_day)
    return Finding(
        kind=FindingKind.MISDATED_EVENTS,
        meter=found.meter,
        statement=(
            f"{quantity} of {found.meter} ({counted(found.rows.count, 'event')}, dated {when}) {_BOOKED[found.wrong]}."
        ),
        excess_quantity=found.quantity,
        rows=found.rows,
    )


def _duplicated(found: DuplicateEvents, *, billed: bool) -> Finding:
    events = f"{counted(found.rows.count, 'event')} of {found.meter}"
    arrived = "was" if found.rows.count == 1 else "were"
    if billed:
        statement = f"{events} {arrived} counted more than once, which added {units(found.quantity)} to the bill."
    else:
        statement = f"{events} {arrived} received more than once, but the daily totals count each of them only once."
    return Finding(
        kind=FindingKind.DUPLICATE_EVENTS,
        meter=found.meter,
        statement=statement,
        excess_quantity=found.quantity if billed else Decimal(0),
        rows=found.rows,
    )


def _missing(found: MissingEvents) -> Finding:
    served = (
        f"{counted(found.rows.count, 'request')} of {found.meter} {'was' if found.rows.count == 1 else 'were'} served"
    )
    return Finding(
        kind=FindingKind.MISSING_EVENTS,
        meter=found.meter,
        statement=f"{served} but never counted ({units(found.quantity)}); this usage is not billed afterwards.",
        excess_quantity=-found.quantity,
        rows=found.rows,
    )


def _sum(quantities: Iterable[Decimal]) -> Decimal:
    return sum(quantities, Decimal(0))
