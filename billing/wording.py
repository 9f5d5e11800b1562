"""How quantities, shares, prices, days and spans read in sentences: thousands separated, no trailing zeros, never 1E+3."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from billing.money import MINOR_UNIT_PLACES
from billing.periods import Span

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def written(quantity: Decimal | int) -> str:
    """A quantity as people read it: `1,204`, `0.5`, `-3`."""
    text = f"{Decimal(quantity):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(number: int, noun: str) -> str:
    """A number with its regular noun: `1 event`, `1,204 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def units(quantity: Decimal) -> str:
    """A quantity in billable units: `1 unit`, `2,408 units`."""
    return f"{written(quantity)} {'unit' if quantity == 1 else 'units'}"


def percent(share: Decimal) -> str:
    """A share of one as a percentage with at most two decimals: `0.1` is `10 %`, `0.00416` is `0.42 %`."""
    return f"{written(round(share * 100, 2))} %"


def unit_price(unit_amount: Decimal, currency: str) -> str:
    """A price a unit, given in minor units, in major ones: `0.012` minor units of USD are `USD 0.00012`."""
    return f"{currency} {written(unit_amount.scaleb(-MINOR_UNIT_PLACES[currency]))}"


def dated(day: date) -> str:
    """A day as `3 October 2026`."""
    return f"{day.day} {day:%B %Y}"


def stamped(moment: datetime) -> str:
    """A moment of a story as `03 Oct 09:00:12`. Not by `strftime`, which imports for every call: a story has many lines,
    and imports are dear where workflow code is isolated."""
    return f"{moment.day:02} {_MONTHS[moment.month - 1]} {moment.time().isoformat('seconds')}"


def timed(moment: datetime) -> str:
    """What is planned for a moment in UTC: `Tue 24 Nov 09:00 UTC`; not by `strftime`, see `stamped`."""
    day = f"{_WEEKDAYS[moment.weekday()]} {moment.day:02} {_MONTHS[moment.month - 1]}"
    return f"{day} {moment.time().isoformat('minutes')} UTC"


def days(first: date, last: date) -> str:
    """One day, or `1 October 2026 to 3 October 2026`; both ends belong to it."""
    return dated(first) if first == last else f"{dated(first)} to {dated(last)}"


def stretch(span: Span) -> str:
    """A span in UTC, to the minute; the day is named once when it starts and ends on it."""
    start, end = span.start.astimezone(UTC), span.end.astimezone(UTC)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{dated(end)}, {end:%H:%M}"
    return f"{dated(start)}, {start:%H:%M} to {until} UTC"


def listed(parts: Sequence[str], *, at_most: int | None = None) -> str:
    """`a`, `a and b`, `a, b and c`; beyond `at_most` parts the rest is only counted: `a, b and 3 more`."""
    shown = list(parts)
    if at_most is not None and len(shown) > at_most:
        shown = [*shown[:at_most], f"{len(shown) - at_most} more"]
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
