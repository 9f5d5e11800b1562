"""Usage that arrived after its period was closed: what it adds to what that period was billed, price by price.

A day's usage is rated where the day belongs: with the price, the allowance and the days of its own stretch, on top of what
was billed there, by the period's own document and by every later one. So original and additions make what rating everything
at once would have billed. What was issued holds: a contract that is changed afterwards does not change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from billing.contracts import Terms
from billing.periods import DaySpan
from billing.prices import MeterPrice
from billing.segments import Segment


@dataclass(frozen=True, slots=True)
class LateUsage:
    """Late usage of a meter at one price, and how much of it that price has billed so far.

    Quantities in millionths of a unit; `days` is the stretch in which the price held. `price` None: no contract covers the
    first of the `days`, or it does not know the meter. `terms` are those of the usage's day, in case none hold any more.
    """

    period: str
    meter: str
    quantity: int
    billed_quantity: int
    price: MeterPrice | None
    days: DaySpan
    active_days: int = 1
    period_days: int = 1
    currency: str | None = None
    terms: Terms | None = None

    @property
    def amount_minor(self) -> int:
        """What it adds to the charge of its period; with volume prices that may be less than nothing."""
        if self.price is None:
            raise ValueError(f"late usage of {self.meter} in {self.period} has no price")
        charge = self.price.card.charge
        with_it = charge(self.billed_quantity + self.quantity, self.active_days, self.period_days)
        return with_it - charge(self.billed_quantity, self.active_days, self.period_days)


@dataclass(frozen=True, slots=True)
class BilledPart:
    """A line of a period's usage, its own or a late one: millionths of a unit, and the stretch that it is for."""

    meter: str
    price: MeterPrice
    quantity: int
    days: DaySpan
    active_days: int
    period_days: int
    currency: str

    @property
    def is_without_gaps(self) -> bool:
        """Whether the price held on every day of the stretch: no pause, and no other price in its midst."""
        return self.active_days in {self.days.days, self.period_days}


@dataclass(frozen=True, slots=True)
class TruedUp:
    """What is left of an earlier period's true-up to its minimum: late usage up to that is paid already."""

    period: str
    days: DaySpan
    amount_minor: int

    def covers(self, late: Iterable[LateUsage]) -> int:
        """How much of what late usage adds to the period was paid with the minimum, in minor units."""
        return min(self.amount_minor, sum(item.amount_minor for item in late if item.period == self.period))


def rated_where_it_belongs(
    period: str,
    days: DaySpan,
    arrived: Mapping[tuple[str, date], int],
    covered: Sequence[Segment],
    billed: Sequence[BilledPart],
) -> list[LateUsage]:
    """Late usage by meter and local day, in millionths, gathered by the price that it is to be billed with.

    `days`, `covered` and `billed` are those of the usage's own period.
    """
    gathered: dict[tuple[str, MeterPrice | None], LateUsage] = {}
    for (meter, day), quantity in sorted(arrived.items()):
        price = _price_on(meter, day, covered, billed)
        so_far = gathered.get((meter, price)) or _so_far(period, meter, day, price, days, covered, billed)
        gathered[meter, price] = replace(so_far, quantity=so_far.quantity + quantity)
    return list(gathered.values())


def _price_on(meter: str, day: date, covered: Sequence[Segment], billed: Sequence[BilledPart]) -> MeterPrice | None:
    """The price that has billed the day for certain, else the one that was agreed for it."""
    around = (part for part in billed if part.meter == meter and day in part.days)
    if held := next((part for part in around if part.is_without_gaps), None):
        return held.price
    terms = _terms_on(day, covered)
    return terms.price_of(meter) if terms else None


def _so_far(
    period: str,
    meter: str,
    day: date,
    price: MeterPrice | None,
    days: DaySpan,
    covered: Sequence[Segment],
    billed: Sequence[BilledPart],
) -> LateUsage:
    """What was billed at the price, and how it was prorated; nothing yet where no line holds it."""
    terms = _terms_on(day, covered)
    currency = terms.currency if terms else None
    same = [part for part in billed if part.meter == meter and part.price == price]
    if same:
        first = same[0]
        stretch, active, of_period, currency = first.days, first.active_days, first.period_days, first.currency
    else:
        held = [one for one in covered if price is not None and one.terms.price_of(meter) == price]
        stretch = DaySpan(held[0].days.first, held[-1].days.end) if held else DaySpan(day, day + timedelta(days=1))
        active, of_period = sum(one.active_days for one in held), days.days
    return LateUsage(
        period=period,
        meter=meter,
        quantity=0,
        billed_quantity=sum(part.quantity for part in same),
        price=price,
        days=stretch,
        active_days=active,
        period_days=of_period,
        currency=currency,
        terms=terms,
    )


def _terms_on(day: date, covered: Sequence[Segment]) -> Terms | None:
    return next((segment.terms for segment in covered if day in segment.days), None)
