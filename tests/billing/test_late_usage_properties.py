"""However usage is split into what came in time and what came late: original and additions make what all at once would."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from billing.contracts import Contract, Terms
from billing.invoices import LineKind
from billing.invoicing import Bill, bill
from billing.late_usage import BilledPart, TruedUp, rated_where_it_belongs
from billing.periods import local_midnight, service_days
from billing.prices import MeterPrice
from billing.segments import segments
from tests.billing.agreements import BERLIN, fee, held, terms, whole
from tests.billing.strategies import any_prices, meter_prices
from tests.billing.test_late_usage import parts
from tests.billing.world import METER

OCTOBER, NOVEMBER = service_days("2026-10"), service_days("2026-11")
USAGE_KINDS = (LineKind.USAGE, LineKind.LATE_USAGE)
CHANGES = st.lists(st.integers(min_value=1, max_value=30), unique=True, max_size=3).map(sorted)
# The day of October, from 0; millionths of a unit; in which month it arrives: 0 is in time, 1 and 2 are late.
EVENTS = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=30),
        st.integers(min_value=0, max_value=10**12),
        st.integers(min_value=0, max_value=2),
    ),
    max_size=12,
)
Events = list[tuple[int, int, int]]


def agreed(changes: Sequence[int], prices: Sequence[MeterPrice], **more: object) -> list[Contract]:
    """Contracts over October, one price after the other; with few prices, earlier ones come back."""
    starts = [OCTOBER.first - timedelta(days=100), *(OCTOBER.first + timedelta(days=day) for day in changes)]
    return [
        held(terms(fee(100), prices=(prices[place % len(prices)],), **more), contract_id=f"K-{place}").model_copy(
            update={"starts": local_midnight(start, BERLIN), "ends": local_midnight(end, BERLIN) if end else None}
        )
        for place, (start, end) in enumerate(pairwise([*starts, None]))
        if start
    ]


def october(contracts: Sequence[Contract], events: Iterable[tuple[int, int, int]]) -> Bill:
    covered = segments(contracts, OCTOBER, BERLIN)
    usage = [
        {METER: sum(many for day, many, _ in events if OCTOBER.first + timedelta(days=day) in one.days)}
        for one in covered
    ]
    return bill(covered, OCTOBER, usage)


def added(contracts: Sequence[Contract], events: Events, month: int, before: Sequence[Bill]) -> Bill:
    """A later document with nothing on it but October's usage that arrived in that month."""
    arrived: dict[tuple[str, date], int] = {}
    for day, many, when in events:
        if when == month:
            key = (METER, OCTOBER.first + timedelta(days=day))
            arrived[key] = arrived.get(key, 0) + many
    billed: list[BilledPart] = [part for made in before for part in parts(made)]
    late = rated_where_it_belongs("2026-10", OCTOBER, arrived, segments(contracts, OCTOBER, BERLIN), billed)
    left = sum(line.amount_minor for made in before for line in made.lines if line.kind is LineKind.MINIMUM)
    trued_up = [TruedUp("2026-10", OCTOBER, left)] if left > 0 else []
    return bill([whole(Terms(currency="USD"))], NOVEMBER, [{}], late=late, trued_up=trued_up)


def documents(contracts: Sequence[Contract], events: Events) -> list[Bill]:
    """October's document with what came in time, and two later ones."""
    made = [october(contracts, [event for event in events if event[2] == 0])]
    for month in (1, 2):
        made.append(added(contracts, events, month, made))
    return made


def charged_for_usage(made: Iterable[Bill]) -> int:
    return sum(line.amount_minor for one in made for line in one.lines if line.kind in USAGE_KINDS)


@given(CHANGES, st.lists(any_prices(), min_size=1, max_size=3), EVENTS)
def test_late_usage_makes_up_what_everything_in_time_would_have_cost(
    changes: list[int], prices: list[MeterPrice], events: Events
) -> None:
    contracts = agreed(changes, prices)

    made = documents(contracts, events)

    assert charged_for_usage(made) == charged_for_usage([october(contracts, events)])


@given(CHANGES, st.lists(meter_prices(), min_size=1, max_size=2), EVENTS, st.integers(min_value=0, max_value=10**7))
def test_with_a_minimum_the_documents_come_to_what_everything_in_time_would_have_come_to(
    changes: list[int], prices: list[MeterPrice], events: Events, minimum: int
) -> None:
    contracts = agreed(changes, prices, minimum_minor=minimum)

    made = documents(contracts, events)

    assert sum(one.total_minor for one in made) == october(contracts, events).total_minor
