"""Which moments the roll-up counted wrongly: its windows against the tenant's period, as spans and never as events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from adapters.postgres.evidence.inquiry import LocalDay
from billing.evidence import Misdating
from billing.periods import Span


@dataclass(frozen=True)
class Window:
    """What the roll-up job says it read for one local day."""

    day: date
    span: Span


@dataclass(frozen=True)
class Misdated:
    """A span of time whose events the roll-up counted `times` too often; -1: once too few."""

    span: Span
    times: int
    wrong: Misdating


def misdated(windows: Sequence[Window], days: Sequence[LocalDay]) -> list[Misdated]:
    """The spans in which the windows of a period's days miss the period itself, in order of time.

    An event is due once, whichever of the period's days it is booked on. A day that was never rolled up has lost all of
    its usage, which is not a matter of dates: only what another day's window took from it counts as seen.
    """
    period = Span(start=days[0].span.start, end=days[-1].span.end)
    rolled_up = {window.day for window in windows}
    booked_days = [local.span for local in days if local.day in rolled_up]
    counted_spans = [window.span for window in windows]
    spans = [*counted_spans, *booked_days, period]
    found: list[Misdated] = []
    for start, end in pairwise(sorted({edge for span in spans for edge in (span.start, span.end)})):
        piece = Span(start=start, end=end)
        counted = _covering(counted_spans, piece)
        inside = piece.start in period
        due = 1 if inside and (counted or _covering(booked_days, piece)) else 0
        if counted != due:
            found.append(Misdated(piece, counted - due, _wrong(counted, inside=inside)))
    return found


def _covering(spans: Iterable[Span], piece: Span) -> int:
    return sum(piece.start in span for span in spans)


def _wrong(counted: int, *, inside: bool) -> Misdating:
    if not inside:
        return Misdating.FOREIGN
    return Misdating.TWICE if counted else Misdating.LEFT_OUT
