"""How a service period falls into stretches of days under the same terms (B1): starts, ends, changes, pauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from billing.contracts import Contract, Terms
from billing.periods import DaySpan


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of local days under the same terms; `active_days` leaves its pauses out."""

    days: DaySpan
    active_days: int
    terms: Terms


def segments(contracts: Sequence[Contract], days: DaySpan, zone: str) -> tuple[Segment, ...]:
    """The stretches of `days` that contracts cover, in order; of two that overlap, the one that started later holds.

    Neighbours under equal terms become one, so that a contract renewed in the middle rates like one that was not.
    """
    held = [_Held.of(contract, ZoneInfo(zone)) for contract in contracts]
    if len(held) == 1 and held[0].covers(days):
        return (Segment(days=days, active_days=days.days, terms=held[0].contract.terms),)
    edges = sorted(
        {days.first, days.end, *(edge for one in held for edge in one.edges if days.first < edge < days.end)}
    )
    pieces = [(DaySpan(first, end), _in_force(held, first)) for first, end in pairwise(edges)]
    stretches = []
    for terms, run in groupby(pieces, key=lambda piece: piece[1] and piece[1].contract.terms):
        if terms is not None:
            covered = [(span, one) for span, one in run if one is not None]
            active = sum(span.days for span, one in covered if not one.paused_on(span.first))
            whole = DaySpan(covered[0][0].first, covered[-1][0].end)
            stretches.append(Segment(days=whole, active_days=active, terms=terms))
    return tuple(stretches)


@dataclass(frozen=True, slots=True)
class _Held:
    """A contract by the local days it holds on in the tenant's zone: a day on which it holds for a while counts."""

    contract: Contract
    first: date
    end: date | None

    @classmethod
    def of(cls, contract: Contract, zone: ZoneInfo) -> _Held:
        starts, ends = contract.starts.astimezone(zone), contract.ends and contract.ends.astimezone(zone)
        return cls(contract=contract, first=starts.date(), end=ends and _day_after(ends))

    @property
    def edges(self) -> Iterator[date]:
        for pause in self.contract.pauses:
            yield from (edge for edge in (pause.first, pause.end) if edge)
        yield from (edge for edge in (self.first, self.end) if edge)

    def covers(self, days: DaySpan) -> bool:
        """Whether it holds on every one of the days, without a pause."""
        return self.first <= days.first and (self.end is None or days.end <= self.end) and not self.contract.pauses

    def holds_on(self, day: date) -> bool:
        return self.first <= day and (self.end is None or day < self.end)

    def paused_on(self, day: date) -> bool:
        return any(pause.first <= day and (pause.end is None or day < pause.end) for pause in self.contract.pauses)


def _day_after(ends: datetime) -> date:
    """The first day without a contract that ends at this local moment; the day itself when that is its first moment."""
    last = (ends.astimezone(UTC) - timedelta(microseconds=1)).astimezone(ends.tzinfo).date()
    return last + timedelta(days=1)


def _in_force(held: Sequence[_Held], day: date) -> _Held | None:
    return max((one for one in held if one.holds_on(day)), key=lambda one: one.contract.starts, default=None)
